/** The HTML report in a browser. */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { reportHtml } from "../../lib/report/mod.ts";
import { answerWith, HOSTILE } from "../cases/answers.ts";
import { findChromium, Page } from "./chromium.ts";

const program = findChromium();

/** A test in a page that shows two verdicts, one of them with many bytes of config space. */
function testPage(name: string, run: (page: Page) => Promise<void>, text = "plain"): void {
  Deno.test({
    name: `HTML report: ${name}${program === undefined ? " (left out: there is no chromium)" : ""}`,
    ignore: program === undefined,
    async fn(): Promise<void> {
      const path = await Deno.makeTempFile({ suffix: ".html" });
      try {
        const answers = [answerWith(text), answerWith(`other ${text}`, "allow")];
        const written = { time: "2026-11-29T12:00:00Z", version: "0.1.0" };
        await Deno.writeTextFile(path, reportHtml(answers, written));
        await using page = await Page.open(program ?? "");
        await page.load(`file://${path}`);
        await run(page);
        assertEquals(complaints(page), []);
      } finally {
        await Deno.remove(path);
      }
    },
  });
}

/** What the console, the page's scripts and its content security policy have to say. */
function complaints({ events }: Page): unknown[] {
  const METHODS = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"];
  return events.filter(({ method }) => METHODS.includes(method));
}

async function emulate(page: Page, media: string, scheme: string): Promise<void> {
  const features = [{ name: "prefers-color-scheme", value: scheme }];
  await page.send("Emulation.setEmulatedMedia", { media, features });
}

testPage("it asks for nothing but itself", (page) => {
  const requests = page.events.filter(({ method }) => method === "Network.requestWillBeSent");
  assertEquals(requests.map(({ params: { type } }) => type), ["Document"]);
  return Promise.resolve();
});

testPage("no text from elsewhere is run", async (page) => {
  assertEquals(await page.evaluate("typeof hacked"), "undefined");
  assertEquals(await page.evaluate("document.scripts.length"), 1);
  assertEquals(await page.evaluate("document.images.length"), 0);
}, HOSTILE.join(" "));

testPage("a script that were in it would not be run", async (page) => {
  const text = await page.evaluate(`new Promise((resolve) => {
    document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
    const script = document.createElement("script");
    script.text = "hacked = 1";
    document.body.append(script);
  })`);
  assertStringIncludes(String(text), "script-src");
  assertEquals(await page.evaluate("typeof hacked"), "undefined");
  // The console says so, as it should.
  page.events.length = 0;
});

testPage("headings leave out no rank, landmarks and tables have names", async (page) => {
  const ranks = await page.evaluate(
    `[...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map(({ tagName }) => Number(tagName[1]))`,
  );
  assert(Array.isArray(ranks));
  assertEquals(ranks.filter((rank) => rank === 1), [1]);
  ranks.forEach((rank, index) => assert(index === 0 || rank <= ranks[index - 1] + 1, ranks.join()));
  const found = await nodes(page);
  const named = (role: string): string[] =>
    found.filter((node) => node.role === role).map(({ name }) => name);
  assertEquals(named("banner").length, 1);
  assertEquals(named("main").length, 1);
  assertEquals(named("navigation"), [
    "Migrations",
    "Devices of plain: plain -> to plain",
    "Devices of other plain: other plain -> to other plain",
  ]);
  assertEquals(named("article").map((name) => name.startsWith("plain")), [true, false]);
  assertEquals(named("grid").length, 4);
  for (const name of [...named("grid"), ...named("table")]) assertNotEquals(name, "");
});

testPage("Tab reaches one byte of each config space, arrow keys the others", async (page) => {
  const active = (what: string): Promise<unknown> =>
    page.evaluate(`document.activeElement.${what}`);
  const stops: string[] = [];
  for (let count = 0; count < 14; count++) {
    await page.press("Tab");
    stops.push(String(await active("tagName")));
  }
  // The links to both migrations; of each those to its devices, and of each of these that to the legend
  // and its bytes.
  const migration = ["A", "A", "A", "A", "TD", "A", "TD"];
  assertEquals(stops, ["A", "A", ...migration, ...migration.slice(0, 5)]);
  await page.evaluate(`document.querySelector(".config .byte").focus()`);
  const field = (): Promise<unknown> => active(`querySelector(".field").textContent`);
  assertStringIncludes(String(await field()), "0x00 Vendor ID: 0x15b3; compared");
  const walk: [key: string, field: string][] = [
    ["ArrowRight", "0x01 Vendor ID"],
    ["ArrowDown", "0x11 BAR0"],
    ["Home", "0x10 BAR0"],
    ["End", "0x1f BAR3"],
    ["ArrowRight", "0x20 BAR4"],
  ];
  for (const [key, expected] of walk) {
    await page.press(key);
    assertStringIncludes(String(await field()), expected);
  }
  assertEquals(
    await page.evaluate(
      `document.querySelector(".config").querySelectorAll("[tabindex='0']").length`,
    ),
    1,
  );
  await page.press("Escape");
  assertEquals(await active("tagName"), "BODY");
});

testPage("focus and pointer show the decoded field, a screen reader is told it", async (page) => {
  // The height of what is seen of each byte's field.
  const shown = (): Promise<unknown> =>
    page.evaluate(`[...document.querySelectorAll(".field")]
      .filter((field) => field.getBoundingClientRect().height > 10)
      .map((field) => field.textContent)`);
  assertEquals(await shown(), []);
  await page.evaluate(`document.querySelector("td.failing").focus()`);
  const linkStatus = await shown();
  assert(Array.isArray(linkStatus) && linkStatus.length === 1);
  for (
    const part of [
      "0x72 PCI Express capability at 0x60: Link Status",
      "source 0x1104",
      "16.0 GT/s",
      "destination 0x1177",
      "compared and different",
    ]
  ) {
    assertStringIncludes(linkStatus[0], part);
  }
  const focused = (await nodes(page)).filter(({ focused }) => focused).at(-1);
  assertEquals([focused?.role, focused?.name], ["gridcell", linkStatus[0]]);

  const point = await page.evaluate(`(() => {
    const byte = document.querySelector("td.differing");
    byte.scrollIntoView({ block: "center" });
    const { x, y } = byte.getBoundingClientRect();
    return [x + 5, y + 5];
  })()`);
  assert(Array.isArray(point));
  await page.send("Input.dispatchMouseEvent", { type: "mouseMoved", x: point[0], y: point[1] });
  const pointed = await shown();
  assert(Array.isArray(pointed) && pointed.length === 1);
  assertStringIncludes(pointed[0], "0x2e Subsystem ID: source 0x0008, destination 0x0077");
});

const SCHEMES = [["screen", "light"], ["screen", "dark"], ["print", "dark"]] as const;

for (const [media, scheme] of SCHEMES) {
  testPage(`contrast is that of WCAG AA: ${media}, ${scheme}`, async (page) => {
    await emulate(page, media, scheme);
    const pairs = await page.evaluate(COLORS);
    assert(Array.isArray(pairs) && pairs.length > 10);
    for (const { what, least, front, back } of pairs) {
      const found = contrast(front, back);
      assert(found >= least, `${what}: ${front} on ${back} is ${found.toFixed(2)}, not ${least}`);
    }
  });
}

testPage("light, dark and print differ, and the tones by more than their colour", async (page) => {
  const looks: unknown[] = [];
  for (const [media, scheme] of SCHEMES) {
    await emulate(page, media, scheme);
    looks.push(
      await page.evaluate(`getComputedStyle(document.body).backgroundColor +
      getComputedStyle(document.querySelector("td.compared")).backgroundColor`),
    );
  }
  assertEquals(new Set(looks).size, 3);
  // On paper there is no pointer; the table of differing bytes has the names.
  assertEquals(
    await page.evaluate(`getComputedStyle(document.querySelector(".byte .field")).display`),
    "none",
  );
  const { data } = await page.send("Page.printToPDF", { printBackground: false });
  assert(String(data).length > 10_000);

  const marks = await page.evaluate(
    `["compared", "exempt", "free", "failing", "differing"].map((kind) =>
      document.querySelector("td." + kind).textContent[2])`,
  );
  assertEquals(marks, [":", "~", "\u00a0", "!", "+"]);
});

testPage("nothing moves", async (page) => {
  const moving = await page.evaluate(`[...document.querySelectorAll("*")].filter((element) => {
    const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
    return transitionDuration !== "0s" || animationName !== "none" || scrollBehavior !== "auto";
  }).length`);
  assertEquals(moving, 0);
});

testPage("a narrow window scrolls nothing but the config space sideways", async (page) => {
  await page.send("Emulation.setDeviceMetricsOverride", {
    width: 320,
    height: 600,
    deviceScaleFactor: 1,
    mobile: false,
  });
  assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 320);
});

testPage("links lead to what is there, once", async (page) => {
  const counts = await page.evaluate(
    `[...document.links].map(({ hash }) => document.querySelectorAll(hash).length)`,
  );
  assert(Array.isArray(counts) && counts.length > 10);
  assertEquals(counts.filter((count) => count !== 1), []);
});

testPage("the offsets stay in sight where the bytes are scrolled", async (page) => {
  await page.send("Emulation.setDeviceMetricsOverride", {
    width: 400,
    height: 600,
    deviceScaleFactor: 1,
    mobile: false,
  });
  const lefts = await page.evaluate(`[...document.querySelectorAll(".config")].flatMap((table) => {
    const { parentElement: scroll } = table;
    const [offset, byte] = [table.querySelector("tbody th"), table.querySelector(".byte")];
    const before = [offset, byte].map((cell) => cell.getBoundingClientRect().x);
    scroll.scrollLeft = 200;
    return [offset, byte].map((cell, at) => before[at] - cell.getBoundingClientRect().x);
  })`);
  assertEquals(lefts, [0, 200, 0, 200, 0, 200, 0, 200]);
});

interface Node {
  readonly role: string;
  readonly name: string;
  readonly focused: boolean;
}

/** What a screen reader is given. */
async function nodes(page: Page): Promise<Node[]> {
  const { nodes } = await page.send("Accessibility.getFullAXTree");
  assert(Array.isArray(nodes));
  return nodes.filter(({ ignored }) => !ignored).map(({ role, name, properties = [] }) => ({
    role: role?.value ?? "",
    name: name?.value ?? "",
    focused: properties.some((property: { name: string; value: { value: unknown } }) =>
      property.name === "focused" && property.value.value === true
    ),
  }));
}

/** Every text with its colour and each one behind it; of a byte, its outline and the focus ring. */
const COLORS = `(() => {
  const opaque = (color) => color.startsWith("rgb(");
  const backs = (element) => {
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    if (backgroundImage !== "none") return backgroundImage.match(/rgb\\([^)]*\\)/g);
    return opaque(backgroundColor) ? [backgroundColor] : backs(element.parentElement);
  };
  const pairs = new Map();
  const add = (what, least, front, element) => {
    for (const back of backs(element)) pairs.set(what + front + back, { what, least, front, back });
  };
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || element.matches("script, style")) continue;
    add(element.tagName + "." + element.className, 4.5, getComputedStyle(element).color, element);
  }
  for (const byte of document.querySelectorAll("td.byte")) {
    const style = getComputedStyle(byte);
    if (style.borderTopWidth !== "0px") add("outline", 3, style.borderTopColor, byte);
  }
  const byte = document.querySelector("td.byte");
  byte.focus();
  add("focus", 3, getComputedStyle(byte).outlineColor, document.body);
  return [...pairs.values()];
})()`;

/** WCAG 2.2, contrast ratio and relative luminance. */
function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = Array.from(color.matchAll(/\d+/g), ([value]) => {
    const part = Number(value) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
