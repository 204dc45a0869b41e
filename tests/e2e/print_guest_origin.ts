/** Prints how a guest of this host came to run. */
import { readGuestOrigin } from "../../lib/facts/stamp/guest_origin.ts";

const [name = "", uuid = ""] = Deno.args;
const { kind } = await readGuestOrigin({ name, uuid }, AbortSignal.timeout(10_000));
await Deno.stdout.write(new TextEncoder().encode(kind));
