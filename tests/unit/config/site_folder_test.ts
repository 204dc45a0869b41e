/** Files of a site's policies: what is refused, and where. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { parseSiteFile, readSiteFile, readSiteFolder } from "../../../lib/config/site_folder.ts";

const GOOD = `name: kernel
title: kernels are 5.14 or later
match:
  guest: prod-*
require:
  - fact: kernel
    is: at least
    value: 5.14
severity: veto
message: The kernel is {destination}
remedy: Choose another host.
`;

Deno.test("values are texts: 5.10 is not 5.1, no is not false, and a list may be one value", () => {
  const { require, match, cases } = parseSiteFile(
    "a.yaml",
    GOOD.replace("5.14\ns", "5.10\ns").replace("prod-*", "no"),
  );
  assertEquals(require, [{ fact: "kernel", is: "at least", value: ["5.10"] }]);
  assertEquals([match, cases], [{ guest: ["no"] }, []]);
});

Deno.test("a folded text is one line", () => {
  const { message } = parseSiteFile(
    "a.yaml",
    GOOD.replace("message: The", "message: >\n  The\n "),
  );
  assertEquals(message, "The kernel is {destination}");
});

/** What is wrong, as a change of the good file, and what is said of it. */
const WRONG: Record<string, [from: string | RegExp, to: string, message: string]> = {
  "no YAML": ["prod-*", "[", "line 6, column 3: it is no YAML: "],
  "a list": [/^[^]*$/, "- a\n", "found a list, wanted keys"],
  "nothing": [/^[^]*$/, "", "at name: it is missing"],
  "two documents": ["severity", "---\nseverity", "line 9, column 1: it is no YAML: "],
  "a key twice": [
    "severity",
    "title: x\nseverity",
    "line 9, column 1: it is no YAML: Cannot store",
  ],
  "an unknown key": [
    "severity: veto",
    "severty: veto",
    "line 9, column 1: at severty: there is no such key; the nearest is severity",
  ],
  "an unknown key of match": [
    "guest:",
    "vendr:",
    "line 4, column 3: at match.vendr: there is no such key; the nearest is vendor",
  ],
  "an unknown key of what is wanted": [
    "    is:",
    "    iss:",
    "line 7, column 5: at require.0.iss: there is no such key; the nearest is is",
  ],
  "an unknown key behind a dash": [
    "fact:",
    "facts:",
    "line 6, column 5: at require.0.facts: there is no such key; the nearest is fact",
  ],
  "no severity": ["severity: veto\n", "", "a.yaml: at severity: it is missing"],
  "a severity that is none": [
    "veto",
    "deny",
    'line 9, column 1: at severity: found "deny"; wanted veto or warn or info',
  ],
  "undecided as a severity": ["veto", "undecided", "line 9, column 1: at severity: "],
  "a name in capitals": ["kernel", "Kernel", "line 1, column 1: at name: wanted a name"],
  "an id for a name": ["kernel", "site/kernel", "line 1, column 1: at name: wanted a name"],
  "a name that objects are born with": ["kernel", "constructor", "line 1, column 1: at name: "],
  "a name that is too long": ["kernel", "k".repeat(65), "line 1, column 1: at name: "],
  "a list as a title": ["kernels are 5.14 or later", "[a]", "line 2, column 1: at title: "],
  "an empty title": [
    "kernels are 5.14 or later",
    "''",
    "line 2, column 1: at title: wanted a text",
  ],
  "a title that is too long": ["kernels", "k".repeat(300), "line 2, column 1: at title: "],
  "two lines": ["The kernel", "|\n  a\n  b", "line 10, column 1: at message: wanted one line"],
  "an escape sequence": [
    "kernels are",
    '"\\e[31m" #',
    "line 2, column 1: at title: wanted one line",
  ],
  "a direction": ["kernels are", '"\\u202e" #', "line 2, column 1: at title: wanted one line"],
  "a placeholder that is none": [
    "{destination}",
    "{kernel}",
    "line 10, column 1: at message: wanted no placeholder but {fact}",
  ],
  "a match that is nothing": ["\n  guest: prod-*", "", "line 3, column 1: at match: "],
  "half an id": ["guest: prod-*", "vendor: 0x302", "line 4, column 3: at match.vendor: wanted 4"],
  "an id in capitals": ["guest: prod-*", "vendor: 0x10DE", "line 4, column 3: at match.vendor: "],
  "half a class": ["guest: prod-*", "class: 0x0302", "line 4, column 3: at match.class: wanted 6"],
  "no pattern": ["prod-*", "[]", "line 4, column 3: at match.guest: "],
  "too many patterns": ["prod-*", `[${"a, ".repeat(65)}]`, "line 4, column 3: at match.guest: "],
  "a map as a pattern": ["prod-*", "{a: b}", "line 4, column 3: at match.guest: "],
  "nothing wanted": [
    /require:[^]*5.14\n/,
    "require: []\n",
    'line 5, column 1: at require: wanted a requirement; for "never" leave the key require out',
  ],
  "a value of a fact where nothing is wanted": [
    /require:[^]*5.14\n/,
    "",
    "line 6, column 1: at message: wanted no placeholder but {guest}, {machine}, {sourceHost}, {destinationHost}",
  ],
  "not for nothing": [
    "guest: prod-*",
    "not: {}",
    "line 4, column 3: at match.not: wanted a key of match",
  ],
  "an unknown key of not": [
    "guest: prod-*",
    "not:\n    hots: a",
    "line 5, column 5: at match.not.hots: there is no such key; the nearest is host",
  ],
  "not in not": [
    "guest: prod-*",
    "not:\n    not: {host: a}",
    "line 5, column 5: at match.not.not: there is no such key",
  ],
  "not without a value": [
    "at least\n    value: 5.14",
    "not",
    'line 7, column 5: at require.0.is: "not" needs a value',
  ],
  "neither a fact nor an attribute": [
    "fact: kernel\n    is",
    "is",
    "line 6, column 3: at require.0.fact: wanted a fact or an attribute, one of them",
  ],
  "a fact and an attribute": [
    "fact: kernel",
    "fact: kernel\n    attribute: fw_rev",
    "line 6, column 5: at require.0.fact: wanted a fact or an attribute, one of them",
  ],
  "an attribute that may not be read": [
    "fact: kernel",
    "attribute: ../config",
    "line 6, column 5: at require.0.attribute: wanted a sysfs attribute that may be read",
  ],
  "the first digits of a number that is no id": [
    "fact: kernel\n    is: at least\n    value: 5.14",
    "fact: vgpuType\n    is: one of\n    value: 55*",
    "line 8, column 5: at require.0.value: wanted a number, as in 12 or 0x10de",
  ],
  "a pattern for equal": [
    "fact: kernel\n    is: at least\n    value: 5.14",
    "fact: vendor\n    is: equal\n    value: 0x10*",
    "line 8, column 5: at require.0.value: wanted a number, as in 12 or 0x10de",
  ],
  "too much wanted": [
    /require:[^]*5.14\n/,
    `require:\n${"- {fact: kernel, is: present}\n".repeat(33)}`,
    "line 5, column 1: at require: ",
  ],
  "a fact that is none": [
    "fact: kernel",
    "fact: kernels",
    'line 6, column 5: at require.0.fact: found "kernels"; the nearest is kernel',
  ],
  "a rule that is none": [
    "at least",
    "atleast",
    'line 7, column 5: at require.0.is: found "atleast"; wanted equal or same branch or at least or',
  ],
  "a rule for other facts": [
    "fact: kernel",
    "fact: driver",
    'line 7, column 5: at require.0.is: "at least" is for driverVersion, firmware, qemu, ',
  ],
  "a superset of no list": [
    "at least",
    "superset",
    'line 7, column 5: at require.0.is: "superset" is for qatServices, machineTypes',
  ],
  "a value that is no version": [
    "value: 5.14",
    "value: newest",
    "line 8, column 5: at require.0.value: wanted a version",
  ],
  "two values": [
    "value: 5.14",
    "value: [5.14, 6]",
    'line 8, column 5: at require.0.value: wanted one value for "at least"',
  ],
  "a value for present": [
    "at least",
    "present",
    'line 8, column 5: at require.0.value: "present" is compared with no value',
  ],
  "one of nothing": [
    "at least\n    value: 5.14",
    "one of",
    'line 7, column 5: at require.0.is: "one of" needs a value',
  ],
  "a side without a value": [
    "value: 5.14",
    "side: both",
    "line 8, column 5: at require.0.side: wanted a value",
  ],
  "a side that is none": [
    "value: 5.14",
    "side: left",
    'line 8, column 5: at require.0.side: found "left"; wanted destination or source or both',
  ],
  "the guest's name on both sides": [
    "fact: kernel\n    is: at least\n    value: 5.14",
    "fact: guest\n    is: equal",
    "line 6, column 5: at require.0.fact: guest is the same on both sides: wanted a value",
  ],
  "a number that is none": [
    "fact: kernel\n    is: at least",
    "fact: vendor\n    is: equal",
    "line 8, column 5: at require.0.value: wanted a number",
  ],
  "a case without a name": [
    /$/,
    "cases:\n  - expect: allow\n",
    "line 13, column 3: at cases.0.name: ",
  ],
  "a case that expects nothing": [
    /$/,
    "cases:\n  - name: a\n    expect: nothing\n",
    'line 14, column 5: at cases.0.expect: found "nothing"; wanted allow or veto or undecided or',
  ],
  "a fact of a case that is none": [
    /$/,
    "cases:\n  - name: a\n    expect: veto\n    source:\n      kernal: 1\n",
    "line 16, column 7: at cases.0.source.kernal: there is no such key; the nearest is kernel",
  ],
  "an attribute of a case that may not be read": [
    /$/,
    "cases:\n  - name: a\n    expect: veto\n    source:\n      attributes:\n        config: x\n",
    "line 17, column 9: at cases.0.source.attributes.config: wanted a sysfs attribute",
  ],
  "the guest's name on one side": [
    /$/,
    "cases:\n  - name: a\n    expect: veto\n    source:\n      guest: x\n",
    "line 16, column 7: at cases.0.source.guest: there is no such key",
  ],
  "a QEMU version that is none": [
    /$/,
    "cases:\n  - name: a\n    expect: veto\n    source:\n      qemu: new\n",
    "line 16, column 7: at cases.0.source.qemu: wanted a QEMU version",
  ],
  "a tag": ["veto", "!!str veto\nx: !!js/function a", "it is no YAML: Cannot resolve unknown tag"],
  "a merge": ["severity: veto", "<<: {severity: veto}", "line 9, column 1: at <<: there is no"],
  "a prototype": ["severity: veto", "__proto__: {severity: veto}", "at __proto__: there is no"],
};

for (const [name, [from, to, message]] of Object.entries(WRONG)) {
  Deno.test(`refused: ${name}`, () => {
    const text = GOOD.replace(from, to);
    assert(text !== GOOD);
    const { message: found } = assertThrows(() => parseSiteFile("a.yaml", text), PremigrateError);
    assert(found.startsWith("a.yaml: ") && found.includes(message), found);
    assert(found.length < 600 && !found.includes("\n"), found);
  });
}

const HARMFUL: Record<string, string> = {
  "aliases of aliases": Array.from(
    { length: 30 },
    (_, index) => `a${index}: &a${index} [${index === 0 ? "1" : `*a${index - 1}, `.repeat(9)}]`,
  ).join("\n"),
  "an alias of itself": "match: &a [*a]\n",
  "flow in flow": "[".repeat(60_000),
  "block in block": Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
  "too large": `# ${"x".repeat(70_000)}\n`,
  "a thousand cases": `${GOOD}cases:\n${"- {name: a, expect: veto}\n".repeat(1000)}`,
  "a name of all kinds": "name: &a {name: *a}\n",
};

for (const [name, text] of Object.entries(HARMFUL)) {
  Deno.test(`refused: ${name}`, () => {
    const { message } = assertThrows(() => parseSiteFile("a.yaml", text), PremigrateError);
    assert(!message.includes("\n") && message.length < 600, message);
  });
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-site-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a folder is read by name, and what is no YAML file there is let be", () =>
  withFolder(async (folder) => {
    assertEquals(await readSiteFolder(`${folder}/missing`), {});
    assertEquals(await readSiteFolder(folder), {});
    await Deno.writeTextFile(`${folder}/b.yaml`, GOOD);
    await Deno.writeTextFile(`${folder}/a.yml`, GOOD.replace("name: kernel", "name: other"));
    for (const name of ["README", "c.yaml.rpmsave", ".d.yaml", "e.yaml~"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "what: ever\n");
    }
    const site = await readSiteFolder(folder);
    assertEquals(Object.keys(site), ["other", "kernel"]);
    assert(!("name" in (site["kernel"] ?? {})) && !("cases" in (site["kernel"] ?? {})));
  }));

const FOLDERS: Record<string, [make: (folder: string) => Promise<void>, message: string]> = {
  "two policies of one name": [async (folder) => {
    await Deno.writeTextFile(`${folder}/a.yaml`, GOOD);
    await Deno.writeTextFile(`${folder}/b.yaml`, GOOD);
  }, "b.yaml: a.yaml has a policy of the name kernel, too"],
  "a folder for a file": [
    (folder) => Deno.mkdir(`${folder}/a.yaml`),
    "a.yaml: it is no regular file",
  ],
  "a link to a device without end": [
    (folder) => Deno.symlink("/dev/zero", `${folder}/a.yaml`),
    "a.yaml: it is no regular file",
  ],
  "a link to nothing": [
    (folder) => Deno.symlink(`${folder}/b`, `${folder}/a.yaml`),
    "a.yaml: there is no such file",
  ],
  "a pipe that nobody writes": [async (folder) => {
    const { success } = await new Deno.Command("mkfifo", { args: [`${folder}/a.yaml`] }).output();
    assert(success);
  }, "a.yaml: it is no regular file"],
  "a file that is too large": [
    async (folder) => {
      await Deno.writeTextFile(`${folder}/a.yaml`, "");
      await Deno.truncate(`${folder}/a.yaml`, 2 ** 34);
    },
    "a.yaml: found 17179869184 bytes, wanted 65536 at most",
  ],
  "what is no UTF-8": [
    (folder) => Deno.writeFile(`${folder}/a.yaml`, new Uint8Array([0xff])),
    "a.yaml: it is no UTF-8 text",
  ],
  "too many files": [async (folder) => {
    for (const index of Array(129).keys()) await Deno.writeTextFile(`${folder}/${index}.yaml`, "");
  }, "found 129 files, wanted 128 at most"],
};

for (const [name, [make, message]] of Object.entries(FOLDERS)) {
  Deno.test(`refused: ${name}`, () =>
    withFolder(async (folder) => {
      await make(folder);
      const error = await assertRejects(() => readSiteFolder(folder), PremigrateError);
      assert(error instanceof PremigrateError && error.message.endsWith(message), String(error));
    }));
}

Deno.test("refused: a file for the folder", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/policies.d`, "");
    const error = await assertRejects(
      () => readSiteFolder(`${folder}/policies.d`),
      PremigrateError,
    );
    assert(String(error).endsWith("it is no folder"), String(error));
    await assertRejects(() => readSiteFile(`${folder}/missing.yaml`), PremigrateError);
  }));
