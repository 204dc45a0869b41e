/**
 * A verdict in words and pictures.
 *
 * @module
 */
export * from "./answer.ts";
export * from "./choices.ts";
export * from "./config_grid.ts";
export * from "./config_picture.ts";
export * from "./config_shadows.ts";
export * from "./config_space_text.ts";
export * from "./evidence.ts";
export * from "./explain.ts";
export * from "./html/page.ts";
export * from "./json.ts";
export * from "./markdown.ts";
export * from "./policies_page.ts";
export * from "./text.ts";
