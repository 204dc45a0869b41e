/** F26: a key that does nothing is refused, whatever it is called, and wherever it stands. */
import { assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { parseConfig } from "../../../lib/config/config_file.ts";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";

const UUID = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
/** What every object has, and what a schema's record leaves out. */
const NAMES = [...Object.getOwnPropertyNames(Object.prototype), "prototype"];

/** Each with KEY in another place. */
const PLACES: Readonly<Record<string, string>> = {
  "at the top": "KEY: {mode: observe}",
  "for a guest": "guests: {KEY: {mode: observe}}",
  "of a guest": `guests: {${UUID}: {KEY: observe}}`,
  "of a guest's troubles": `guests: {${UUID}: {onTrouble: {KEY: open}}}`,
  "of the troubles": "onTrouble: {KEY: open}",
  "for a policy": "policies: {KEY: {mode: off}}",
  "of a policy": "policies: {nvidia/vsc: {KEY: observe}}",
  "of a policy's options": "policies: {generic/vfio: {options: {KEY: 9.1}}}",
  "for a plugin": `plugins: {KEY: {file: a.js, digest: ${"0".repeat(64)}}}`,
  "of a plugin": `plugins: {acme/a: {file: a.js, digest: ${"0".repeat(64)}, KEY: 1}}`,
  "of the agent": "agent: {KEY: true}",
  "quoted": '{"KEY": {mode: observe}}',
};

for (const [place, text] of Object.entries(PLACES)) {
  Deno.test(`a key ${place} that every object has is refused`, () => {
    for (const name of NAMES) {
      const yaml = text.replace("KEY", name);
      assertThrows(
        () => parseConfig("config.yaml", yaml),
        PremigrateError,
        "there is no such",
        name,
      );
    }
  });
}

/** Other keys that would do nothing. */
const OTHERS: Readonly<Record<string, string>> = {
  "a guest twice": `guests: {${UUID}: {mode: observe}, ${UUID}: {mode: enforce}}`,
  "a guest by its name": "guests: {vm1: {mode: observe}}",
  "a guest in capital letters": `guests: {${UUID.toUpperCase()}: {mode: observe}}`,
  "a policy twice": "policies: {nvidia/vsc: {mode: off}, nvidia/vsc: {mode: observe}}",
  "options of a policy that is not there": "policies: {nvidia/vcs: {options: {}}}",
  "an option that the policy has not": "policies: {generic/vfio: {options: {qemuu: '9.1'}}}",
  "an option of another policy": "policies: {nvidia/vsc: {options: {qemu: '9.1'}}}",
  "what cannot be chosen for one guest, as no guest is known then":
    `guests: {${UUID}: {onTrouble: {config: open}}}`,
};

for (const [name, text] of Object.entries(OTHERS)) {
  Deno.test(`${name} is refused`, () => {
    assertThrows(() => parseConfig("config.yaml", text), PremigrateError);
  });
}

Deno.test("so is one of a site's policy", () => {
  const site = (more: string): string =>
    `name: kernel
title: Kernels are 5.14 or later
match: {guest: prod-*}
require:
  - {fact: kernel, is: at least, value: 5.14}
severity: veto
message: The destination's kernel is {destination}
remedy: Choose another host.
${more}`;
  parseSiteFile("kernel.yaml", site(""));
  for (const name of NAMES) {
    for (const text of [site(`${name}: x\n`), site("").replace("guest: ", `${name}: x, guest: `)]) {
      assertThrows(() => parseSiteFile("kernel.yaml", text), PremigrateError, undefined, name);
    }
  }
});
