/** What is true of a verdict in every form that it is written in. */
import { DOMParser, type Element, type Node, onWarningStopParsing } from "@xmldom/xmldom";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeBase64 } from "@std/encoding/base64";
import { getColorEnabled, setColorEnabled } from "@std/fmt/colors";
import { BUILT_IN } from "premigrate";
import { type Decision, type DetailedAnswer, Registry } from "premigrate/policy";
import { type Format, FORMATS } from "../../../lib/cli/output.ts";
import {
  jsonText,
  reportFindings,
  reportGithub,
  reportHtml,
  reportJunit,
  reportMarkdown,
  reportText,
  verdictJson,
} from "../../../lib/report/mod.ts";
import { evidenceOf } from "../../../lib/report/evidence.ts";
import { markdownText } from "../../../lib/report/markdown_text.ts";
import { printable } from "../../../lib/report/printable.ts";
import { answerWith, HOSTILE } from "../../cases/answers.ts";
import { assertPlain } from "../../helpers/cli_run.ts";

/** How an answer is written, and how the text that people read is got back. */
interface Form {
  readonly write: (answer: DetailedAnswer) => string;
  readonly read: (text: string) => string;
  /** How a text from elsewhere is shown. */
  readonly show: (text: string) => string;
}

const WRITTEN = { time: "2026-11-29T12:00:00.000Z", version: "0.1.0" };

const FORMS: Readonly<Record<Format, Form>> = {
  text: { write: uncoloured, read: (text) => text, show: printable },
  json: {
    write: (answer) => jsonText(verdictJson(answer, WRITTEN)),
    read: (text) => valuesOf(JSON.parse(text)).join("\n"),
    show: (text) => text,
  },
  markdown: {
    write: (answer) => reportMarkdown([answer], WRITTEN),
    read: (text) => text.replaceAll(/\\([!-/:-@[-`{-~])/g, "$1"),
    show: printable,
  },
  html: {
    write: (answer) => reportHtml([answer], WRITTEN),
    read: (text) => parseHtml(text).textContent ?? "",
    show: printable,
  },
  junit: {
    write: (answer) => reportJunit([answer], WRITTEN),
    read: (text) => textsOf(parseXml(text)).join("\n"),
    show: printable,
  },
  github: {
    write: (answer) => reportGithub([answer], WRITTEN),
    read: (text) =>
      text.replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%25", "%")
        .replaceAll("\\u{23}", "#"),
    show: printable,
  },
};

/** All that is text in an element, its attributes included. */
function textsOf(element: Element): string[] {
  return [
    ...Array.from(element.attributes, ({ value }) => value),
    ...Array.from(element.childNodes)
      .flatMap((node) => isElement(node) ? textsOf(node) : [node.nodeValue ?? ""]),
  ];
}

function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}

function parseXml(text: string): Element {
  const { documentElement } = new DOMParser({ onError: onWarningStopParsing })
    .parseFromString(text, "text/xml");
  assert(documentElement !== null);
  return documentElement;
}

function uncoloured(answer: DetailedAnswer): string {
  const wasEnabled = getColorEnabled();
  setColorEnabled(false);
  try {
    return reportText(answer);
  } finally {
    setColorEnabled(wasEnabled);
  }
}

function valuesOf(data: unknown): unknown[] {
  return typeof data === "object" && data !== null ? Object.values(data).flatMap(valuesOf) : [data];
}

/** The page is well-formed XML, too, but for its first line. */
function parseHtml(text: string): Element {
  const [doctype, ...lines] = text.split("\n");
  assertEquals(doctype, "<!doctype html>");
  return parseXml(lines.join("\n"));
}

/** Lines are broken where there is room for a space. */
function words(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

for (const format of FORMATS) {
  const { write, read, show } = FORMS[format];

  for (const text of ["plain", ...HOSTILE]) {
    Deno.test(`${format}: all of the verdict is there, of ${JSON.stringify(text)}`, () => {
      const answer = answerWith(text);
      const written = write(answer);
      assertPlain(written);
      const found = words(read(written));
      const includes = (wanted: string): void => assertStringIncludes(found, words(show(wanted)));
      assertStringIncludes(found.toLowerCase(), answer.verdict.decision);
      answer.assumptions.forEach(includes);
      for (const device of answer.devices) Object.values(device).forEach(includes);
      for (const finding of reportFindings(answer)) {
        const { policy, code, severity, device = "", message, remedy } = finding;
        [policy, code, severity, device, message, remedy].forEach(includes);
        for (const { name, value, told } of evidenceOf(finding, answer.policies)) {
          // JSON has the numbers themselves.
          const raw = name === "offset" ? finding.offset : finding.data[name];
          if (format === "json") includes(String(raw));
          else if (format === "markdown" || format === "html" || !told) includes(value);
        }
      }
      for (const { policy } of [...answer.verdict.ran, ...answer.verdict.notRun]) includes(policy);
    });
  }

  Deno.test(`${format}: each decision`, () => {
    for (const decision of ["allow", "veto", "undecided"] as const) {
      assert(read(write(answerWith("plain", decision))).toLowerCase().includes(decision));
    }
  });
}

Deno.test("html: no text is more than text", () => {
  const skeleton = (element: Element): string => {
    const attributes = Array.from(element.attributes, ({ name }) => name).join(" ");
    const children = Array.from(element.childNodes)
      .filter(isElement).map(skeleton).join("");
    return `<${element.tagName} ${attributes}>${children}</>`;
  };
  const plain = skeleton(parseHtml(reportHtml([answerWith("plain")])));
  for (const text of HOSTILE) {
    assertEquals(skeleton(parseHtml(reportHtml([answerWith(text)]))), plain, text);
  }
});

Deno.test("html: one file, which runs the one script of its own digest and asks for nothing", async () => {
  const text = reportHtml([answerWith("plain"), answerWith("other", "allow")]);
  const page = parseHtml(text);
  const [script] = Array.from(page.getElementsByTagName("script"));
  const bytes = new TextEncoder().encode(script?.textContent ?? "");
  const digest = encodeBase64(await crypto.subtle.digest("SHA-256", bytes));
  assertStringIncludes(text, `script-src &#39;sha256-${digest}&#39;`);
  assertEquals(Array.from(page.getElementsByTagName("link")), []);
  assertEquals(text.match(/\b(src|href)="(?!#)|@import|url\(/g), null);
});

/** Two devices and the whole migration have the same findings, of QEMU's policy. */
function answerOfTwo(): DetailedAnswer {
  const answer = answerWith("plain");
  const finding = {
    policy: "qemu/restore-check",
    code: "will-fail",
    severity: "veto",
    offset: 0x72,
    data: {
      ...{ field: "Link Status", line: QEMU_LINE, failing: 1 },
      ...{ read: 4, device: 0x77, cmask: 0xff, wmask: 0, w1cmask: 0 },
    },
  } as const;
  const findings = answer.pairs.map(({ name }) => ({ ...finding, device: name }));
  return {
    ...answer,
    verdict: { ...answer.verdict, findings },
    policies: Registry.from(BUILT_IN).policies,
  };
}

const QEMU_LINE =
  "get_pci_config_device: Bad config data: i=0x72 read: 4 device: 77 cmask: ff wmask: 0 w1cmask:0";

/** What is in a page and in a document, how often. */
const CONTENTS: Readonly<Record<string, readonly [format: "html" | "markdown", string, number]>> = {
  "when it was made, and by what": ["html", "premigrate 0.1.0, 2026-11-29 12:00:00 UTC", 1],
  "a line of QEMU's as code": ["html", `<code>${QEMU_LINE}</code>`, 1],
  "a remedy once": ["html", "Give the guest a device", 1],
  "a link to where it stands": ["html", 'as for <a href="#migration0-device0">plain</a>', 1],
  "an index of the devices": ["html", '<li><a href="#migration0-device1">second plain</a>', 1],
  "the device that it leads to": ["html", '<section id="migration0-device1">', 1],
  "QEMU's numbers in words": ["html", "<dt>the source&#39;s byte</dt><dd>0x4</dd>", 1],
  "the hosts' names in heads": ["html", '<th scope="col">to plain <span class="side">', 4],
  "how to read a config space once": ["html", "How to read a config space", 1],
  "when the document was made": ["markdown", "premigrate 0.1.0, 2026-11-29 12:00:00 UTC", 1],
  "QEMU's line in a code span": ["markdown", `\`${QEMU_LINE}\``, 1],
  "a remedy of the document once": ["markdown", "Give the guest a device", 1],
  "a link to the device": ["markdown", "- [second plain](#migration0-device1): veto", 1],
  "its place": ["markdown", '<a id="migration0-device1"></a>', 1],
  "the hosts' names": ["markdown", "| plain (source) | to plain (destination) |", 4],
  "bytes that differ": ["markdown", "compared and different |", 1],
};

for (const [name, [format, text, count]] of Object.entries(CONTENTS)) {
  Deno.test(`${format}: ${name}`, () => {
    const written = FORMS[format].write(answerOfTwo());
    assertEquals(written.split(text).length - 1, count);
  });
}

Deno.test("markdown: no text is more than text", () => {
  // An escaped character is a letter.
  const unescaped = (text: string): string =>
    reportMarkdown([answerWith(text)])
      .replaceAll(/\\[!-/:-@[-`{-~]/g, "x");
  const marks = (text: string): unknown => ({
    lines: unescaped(text).split("\n")
      .map((line) => /^(#+ |- |\| |\*\*|)/.exec(line)?.[0]),
    inline: unescaped(text).replaceAll(/[^`*_[\]<>&|~$@]/g, ""),
    others: unescaped(text).match(/^( {4}|[+=>]|\d+[.)] |-(?! )|[-=]+$)|:\/\/|www\./gm),
  });
  for (const text of HOSTILE) assertEquals(marks(text), marks("plain"), text);
});

const MARKDOWN: Readonly<Record<string, string>> = {
  "plain text, 10.0 - 3b:00.4": "plain text, 10.0 - 3b:00.4",
  "a_b *c* `d` [e](f)": "a\\_b \\*c\\* \\`d\\` \\[e\\](f)",
  "a | b": "a \\| b",
  "# a": "\\# a",
  "- a": "\\- a",
  "12. a": "12\\. a",
  "9.2.0": "9.2.0",
  "http://a www.b": "http\\://a www\\.b",
  "  a\nb": "a\\\\u{a}b",
};

for (const [text, escaped] of Object.entries(MARKDOWN)) {
  Deno.test(`markdownText: ${JSON.stringify(text)}`, () => {
    assertEquals(markdownText(text), escaped);
  });
}

/** What a suite and its cases come to. */
interface Counted {
  readonly decision: Decision;
  readonly failOnWarn?: boolean;
  /** What is decided, where that is not what is found: a policy's mode is observe. */
  readonly decided?: Decision;
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
}

const COUNTED: Readonly<Record<string, Counted>> = {
  "a veto and what is undecided": {
    decision: "veto",
    tests: 6,
    failures: 1,
    errors: 1,
    skipped: 1,
  },
  "what is undecided": { decision: "undecided", tests: 6, failures: 0, errors: 1, skipped: 1 },
  "a warning": { decision: "allow", tests: 6, failures: 0, errors: 0, skipped: 1 },
  "a veto of a policy that is observed": {
    decision: "veto",
    decided: "allow",
    tests: 6,
    failures: 0,
    errors: 0,
    skipped: 1,
  },
  "a warning that fails": {
    decision: "allow",
    failOnWarn: true,
    tests: 6,
    failures: 1,
    errors: 0,
    skipped: 1,
  },
};

for (
  const [name, { decision, failOnWarn, decided = decision, ...wanted }] of Object.entries(COUNTED)
) {
  Deno.test(`junit: ${name}`, () => {
    const found = answerWith("a", decision);
    const answer = { ...found, verdict: { ...found.verdict, decision: decided } };
    const page = parseXml(reportJunit([answer], WRITTEN, failOnWarn));
    const [suite] = Array.from(page.getElementsByTagName("testsuite"));
    for (const element of [page, suite]) {
      const counts = Object.keys(wanted).map((key) => [key, Number(element?.getAttribute(key))]);
      assertEquals(Object.fromEntries(counts), wanted);
    }
    const count = (tag: string): number => page.getElementsByTagName(tag).length;
    assertEquals(
      [count("testcase"), count("failure"), count("error"), count("skipped")],
      [wanted.tests, wanted.failures, wanted.errors, wanted.skipped],
    );
  });
}

Deno.test("github: a line is a command where a finding is, and nowhere else", () => {
  const commands = (text: string): string[] =>
    reportGithub([answerWith(text)], WRITTEN).split("\n").map((line) =>
      /^\s*::(\w+) title=[^:,]*::/.exec(line)?.[1] ?? (/^\s*::|##\[/.test(line) ? "hostile" : "")
    );
  const plain = commands("plain");
  for (const text of [...HOSTILE, "::error::a", "##[add-mask]a", "a%0A::error::b", "a,b:c"]) {
    assertEquals(commands(text), plain, text);
  }
  assertEquals([...new Set(plain)].sort(), ["", "error", "warning"]);
});

Deno.test("github: what a site only observes is no error", () => {
  const found = answerWith("a", "veto");
  const written = reportGithub([{ ...found, verdict: { ...found.verdict, decision: "allow" } }]);
  assertEquals(written.match(/^::\w+/gm), ["::warning", "::warning", "::warning"]);
});

Deno.test("jsonText: what it writes reads as the same data", () => {
  for (const text of HOSTILE) {
    const written = jsonText({ [text]: [text] });
    assertPlain(written);
    assertEquals(JSON.parse(written), { [text]: [text] });
  }
});
