/** Each policy on the devices of its cases, and all of them on a thousand devices of 4096 bytes. */
import {
  type DevicePair,
  evaluate,
  type Migration,
  parseMachine,
  parseQemuVersion,
  Registry,
  runCase,
} from "premigrate/policy";
import { BUILT_IN } from "../../plugins/mod.ts";
import { PLUGIN_CASES } from "../cases/plugins.ts";
import { makePairs } from "./pairs.ts";

const DEVICES = 1000;

for (const policy of BUILT_IN) {
  const cases = PLUGIN_CASES[policy.id] ?? [];
  Deno.bench(`${policy.id}: ${cases.length} cases`, { group: "a policy" }, () => {
    for (const given of cases) runCase(policy, given);
  });
}

const host = { qemu: parseQemuVersion("10.0"), libvirt: "11.3.0", kernel: "6.12.0" };
const migration: Migration = {
  machine: parseMachine("pc-q35-9.1"),
  bytesOnly: false,
  viommu: false,
  source: { name: "hosta", ...host },
  destination: { name: "hostb", ...host },
};
const generated = Array.from({ length: DEVICES / 200 }, () => makePairs(4096)).flat();
const pairs = generated.map(([source, destination], index): DevicePair => {
  const { bars } = source.facts;
  const facts = { address: `vf${index}`, driver: { name: "nvidia", version: "550.54.16" }, bars };
  return {
    name: `hostdev${index}`,
    guest: { bus: "port", properties: { "enable-migration": "on" } },
    source: { ...facts, config: source.view },
    destination: { ...facts, config: destination.view },
  };
});
const all = new Registry();
for (const policy of BUILT_IN) all.use(policy);
Deno.bench(`${DEVICES} devices, ${BUILT_IN.length} policies`, { group: "all" }, () => {
  evaluate(pairs, migration, all);
});
