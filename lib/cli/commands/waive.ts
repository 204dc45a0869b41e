import { Command, ValidationError } from "@cliffy/command";
import { encodeHex } from "@std/encoding/hex";
import { parseDuration } from "../../config/config.ts";
import { type Paths, pathsBelow } from "../../config/paths.ts";
import { countUses, endWaiver, giveWaiver, listWaivers } from "../../config/waivers.ts";
import { printable } from "../../report/printable.ts";
import { uuidOfGuest } from "../guest_named.ts";
import { parseRoot } from "../options.ts";
import { changeFiles, print, printJson } from "../output.ts";

const LONGEST = 7 * 86_400;
const LONGEST_REASON = 1000;

/** `waive`: a guest passes for a time. */
export const waive = new Command<{ json?: true }>()
  .description("Let a guest migrate to this host for a time, whatever the hook finds.")
  .arguments("[guest:string]", ["The guest's name, or its UUID."])
  .option("--for <time:string>", "For how long, 7d at most: 30m, 1h, 2d.")
  .option("--reason <text:string>", "Why, in one line; the audit has it by the waiver's id.")
  .option("--list", "Show all waivers, and how often each was used.")
  .option("--end", "End the guest's waiver.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example(
    "The other host is dying",
    'sudo premigrate waive vm1 --for 1h --reason "hosta is dying"',
  )
  .action(async ({ json, for: time, reason, list, end, root: dir }, guest) => {
    const root = parseRoot(dir);
    const paths = pathsBelow(root);
    const isGiving = time !== undefined || reason !== undefined;
    if ([isGiving, list === true, end === true].filter(Boolean).length !== 1) {
      throw new ValidationError("Wanted one of: --for with --reason, --list, --end");
    }
    if (list) {
      if (guest !== undefined) throw new ValidationError("--list wants no guest");
      return await show(paths, json);
    }
    if (guest === undefined) throw new ValidationError("Wanted a guest's name or UUID");
    if (end) {
      const uuid = await uuidOfGuest(guest, { root, paths });
      await changeFiles(root, () => endWaiver(paths, uuid));
      return json
        ? printJson({ guest: uuid, ended: true })
        : print(`ended the waiver of ${uuid}\n`);
    }
    const seconds = parseDuration(time ?? "");
    if (seconds === undefined || seconds < 1 || seconds > LONGEST) {
      throw new ValidationError(
        `Wanted --for with a time of 7d at most, such as 1h: found "${time ?? ""}"`,
      );
    }
    if (reason === undefined || reason.trim() === "" || reason.length > LONGEST_REASON) {
      throw new ValidationError(`Wanted --reason with 1 to ${LONGEST_REASON} characters`);
    }
    const uuid = await uuidOfGuest(guest, { root, paths });
    const id = encodeHex(crypto.getRandomValues(new Uint8Array(4)));
    const until = Math.floor(Date.now() / 1000) + seconds;
    const path = await giveWaiver(paths, uuid, { id, until, reason: reason.trim() });
    if (json) return printJson({ guest: uuid, id, until, path });
    print(`waiver ${id}: ${uuid} passes until ${new Date(until * 1000).toISOString()}\n`);
  });

async function show(paths: Paths, json: true | undefined): Promise<void> {
  const waivers = listWaivers(paths);
  const uses = await countUses(paths);
  const now = Math.floor(Date.now() / 1000);
  if (json) {
    return printJson(
      waivers.map(({ guest, waiver }) =>
        waiver === undefined ? { guest, state: "damaged" } : {
          guest,
          state: waiver.until > now ? "in-force" : "expired",
          ...waiver,
          left: Math.max(0, waiver.until - now),
          uses: uses.get(waiver.id) ?? 0,
        }
      ),
    );
  }
  for (const { guest, waiver } of waivers) {
    if (waiver === undefined) {
      print(`${guest}  damaged, waives nothing\n`);
      continue;
    }
    const { id, until, reason } = waiver;
    const left = until > now ? `${timeText(until - now)} left` : "expired";
    print(`${guest}  ${id}  ${left}, used ${uses.get(id) ?? 0} times: ${printable(reason)}\n`);
  }
}

/** A time with its two largest units. */
function timeText(seconds: number): string {
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days}d ${hours}h`;
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}
