/**
 * A verdict in words and pictures.
 *
 * @module
 */
export { findPage, type ReportedFinding, reportFindings } from "./findings.ts";
export { drawConfigGrid } from "./config_grid.ts";
export type { GridSides } from "./config_picture.ts";
export { describeConfigSpace, type DescribedFunction } from "./config_space_text.ts";
export * from "./explain.ts";
export { reportGithub } from "./github.ts";
export { reportHtml } from "./html/page.ts";
export { jsonText, reportJson } from "./json.ts";
export { reportJunit } from "./junit.ts";
export { reportMarkdown } from "./markdown.ts";
export { reportText, type TextOptions } from "./text.ts";
export { verdictJson } from "./verdict_json.ts";
export type { Written } from "./written.ts";
