import { assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import {
  definePolicy,
  type Policy,
  type PolicyCase,
  QemuVersionError,
  runCase,
  v,
} from "premigrate/policy";

/** Vetoes, and tells all that it was given. */
const teller: Policy = definePolicy({
  id: "test/teller",
  title: "Tells what it is given",
  documentation: "For tests.",
  match: {},
  judgesBytesAlone: true,
  options: v.strictObject({ word: v.optional(v.string(), "none") }),
  codes: {
    told: { severity: "veto", title: "T", message: "m", remedy: "r", about: "a" },
  },
  *evaluate({ guest, source, destination }, migration, { word }): Generator<{
    code: "told";
    data: Record<string, string | number>;
  }> {
    const { bytes = new Uint8Array(), kind = "none" } = source.config ?? {};
    yield {
      code: "told",
      data: {
        word,
        machine: migration.machine?.name ?? "none",
        qemus: `${migration.source.qemu} ${migration.destination.qemu}`,
        compat: JSON.stringify(migration.destination.skipVscCheck ?? {}),
        asked: `${migration.bytesOnly}`,
        bus: guest.bus ?? "none",
        properties: JSON.stringify(guest.properties),
        view: kind,
        bytes: bytes.length,
        first: bytes.subarray(0, 4).toHex(),
        config: destination.config === undefined ? "absent" : "there",
        romSize: destination.romSize ?? -1,
      },
    };
  },
});

const BARE: PolicyCase = {
  name: "nothing is known",
  source: {},
  destination: {},
  findings: [],
  decision: "allow",
};

Deno.test("runCase: what a case does not say is not known", () => {
  const { findings, decision } = runCase(teller, BARE);
  assertEquals(decision, "veto");
  assertEquals(findings[0]?.data, {
    word: "none",
    machine: "none",
    qemus: "undefined undefined",
    compat: "{}",
    asked: "false",
    bus: "none",
    properties: "{}",
    view: "none",
    bytes: 0,
    first: "",
    config: "absent",
    romSize: -1,
  });
});

Deno.test("runCase: what a case says is handed on", () => {
  const { findings } = runCase(teller, {
    ...BARE,
    source: { qemu: "9.0", config: { 0x02: "b8 1e", 0x00: "de 10" }, size: 4096, view: "guest" },
    destination: { qemu: "9.1", config: {}, romSize: 2048, skipVscCheck: { "pc-q35-9.0": true } },
    machine: "pc-q35-9.0",
    bus: "root",
    properties: { multifunction: "on" },
    bytesOnly: true,
    options: { word: "given" },
  });
  assertEquals(findings[0]?.data, {
    word: "given",
    machine: "pc-q35-9.0",
    qemus: "9.0 9.1",
    compat: '{"pc-q35-9.0":true}',
    asked: "true",
    bus: "root",
    properties: '{"multifunction":"on"}',
    view: "guest",
    bytes: 4096,
    first: "de10b81e",
    config: "there",
    romSize: 2048,
  });
});

Deno.test("runCase: a case that cannot be is an error", () => {
  assertThrows(() => runCase(teller, { ...BARE, options: { word: 1 } }), PremigrateError);
  assertThrows(() => runCase(teller, { ...BARE, source: { qemu: "?" } }), QemuVersionError);
});

Deno.test("runCase: a case's devices may have attributes", () => {
  const policy = definePolicy({
    id: "test/profile",
    title: "Profiles are equal",
    documentation: "For tests.",
    match: {},
    attributes: ["acme/profile"],
    options: v.strictObject({}),
    codes: { differs: { severity: "veto", title: "T", message: "m", remedy: "r", about: "a" } },
    *evaluate({ source, destination }): Generator<{ code: "differs" }> {
      const [one, other] = [source, destination].map(({ attributes }) =>
        attributes?.["acme/profile"]
      );
      if (one !== other) yield { code: "differs" };
    },
  });
  const codesOf = (source: string | null, destination?: string | null): string[] => {
    const sideOf = (value?: string | null): PolicyCase["source"] =>
      value === undefined ? {} : { attributes: { "acme/profile": value } };
    const given = { ...BARE, source: sideOf(source), destination: sideOf(destination) };
    return runCase(policy, given).findings.map(({ code }) => code);
  };
  assertEquals(codesOf("gold", "gold"), []);
  assertEquals(codesOf("gold", "silver"), ["differs"]);
  assertEquals(codesOf("gold", null), ["differs"]);
  assertEquals(codesOf("gold"), ["attribute-not-read"]);
});
