import { Command, ValidationError } from "@cliffy/command";
import { parseDomain, setMetadata } from "../../domain/mod.ts";
import { parseFacts, STAMP_NAMESPACE, writeStamp } from "../../facts/mod.ts";
import { makeStamp } from "../../facts/stamp/stamp_guest.ts";
import { pathsBelow } from "../../config/paths.ts";
import { printable } from "../../report/printable.ts";
import { appliedAttributes } from "../../config/read_applied.ts";
import { deadline } from "../options.ts";
import { EXIT_CODES, print, printError, printJson } from "../output.ts";
import { markOffline, removeStamps, type StampResult } from "../../agent/guest_metadata.ts";
import { readParsed, readText } from "../../facts/files.ts";
import { stampGuests } from "../../agent/stamping.ts";

/** `stamp`: a guest's facts into its own metadata, for the hook of the host that it goes to. */
export const stamp = new Command<{ json?: true }>()
  .description("Write the facts of running guests' devices into the guests' metadata.")
  .arguments("[guests...:string]", ["Names or UUIDs of guests that run on this host."])
  .option("--all", "All running guests that have host devices.")
  .option("--remove", "Remove the stamp; with --offline from the persistent XML.")
  .option("--offline", "Mark guests that are shut off, before an offline migration.")
  .option("--from <facts:file>", "Make a stamp from this facts file for the XML of --xml.")
  .option("--xml <file:file>", "A domain XML, which is printed with the stamp of --from in it.")
  .option("--timeout <seconds:integer>", "Deadline in seconds (default: 60).")
  .example("The guests of this host, before they are migrated", "sudo premigrate stamp --all")
  .example(
    "For virsh migrate --xml",
    "premigrate stamp --from hosta.json --xml vm1.xml > stamped.xml",
  )
  .action(async ({ json, all, remove, offline, from, xml, timeout }, ...guests) => {
    if (from !== undefined || xml !== undefined) {
      if (from === undefined || xml === undefined) {
        throw new ValidationError("--from and --xml belong together");
      }
      if (guests.length > 0 || all || remove || offline) {
        throw new ValidationError("--from and --xml ask for no guest: give nothing else");
      }
      return print(await stampXml(await readParsed(from, parseFacts), await readText(xml)));
    }
    if ((guests.length > 0) === (all === true)) {
      throw new ValidationError("Wanted the names of guests, or --all");
    }
    const asked = all ? "all" : guests;
    const signal = deadline(timeout);
    if (remove) {
      return reportStamps(await removeStamps(asked, offline ? "config" : "live", signal), json);
    }
    if (!offline) {
      const paths = pathsBelow();
      const attributes = await appliedAttributes(paths.applied);
      return reportStamps(await stampGuests(asked, paths, signal, attributes), json);
    }
    if (asked === "all") throw new ValidationError("--offline wants the names of guests");
    reportStamps(await markOffline(asked, signal), json);
  });

async function stampXml(facts: ReturnType<typeof parseFacts>, xml: string): Promise<string> {
  const guest = parseDomain(xml);
  const made = await makeStamp({
    guest,
    facts,
    time: facts.host.time ?? new Date().toISOString(),
    // What is in the file is what was asked for.
    origin: { kind: "started", since: undefined },
    old: { kind: "none" },
    start: undefined,
  });
  return setMetadata(xml, guest, STAMP_NAMESPACE, await writeStamp(made));
}

/** Tells what became of each guest; one that failed is an exit status, too. */
export function reportStamps(results: readonly StampResult[], json: true | undefined): void {
  if (results.some(({ outcome }) => outcome.kind === "failed")) {
    Deno.exitCode = EXIT_CODES.unusable;
  }
  if (json) {
    return printJson(results.map(({ asked, guest, outcome: { kind, ...rest } }) => ({
      guest: guest?.name ?? asked,
      uuid: guest?.uuid,
      result: kind,
      ...rest,
    })));
  }
  for (const { asked, guest, outcome } of results) {
    const name = guest?.name ?? asked;
    if (outcome.kind === "failed") printError(`Cannot stamp ${name}: ${outcome.reason}`);
    else print(`${printable(name)}: ${printable(describe(outcome))}\n`);
  }
}

function describe(outcome: Exclude<StampResult["outcome"], { kind: "failed" }>): string {
  switch (outcome.kind) {
    case "no-devices":
      return "not stamped, it has no host devices that a migration carries over";
    case "marked":
      return "marked for a migration while it is shut off";
    case "removed":
      return "removed";
    case "stamped": {
      const { devices, size } = outcome;
      const unread = devices.filter(({ config }) => config === undefined)
        .map(({ address, missing }) =>
          `; no config bytes of ${address}${missing === undefined ? "" : `: ${missing}`}`
        );
      const count = devices.length === 1 ? "1 device" : `${devices.length} devices`;
      return `stamped, ${count}, ${size} bytes${unread.join("")}`;
    }
  }
}
