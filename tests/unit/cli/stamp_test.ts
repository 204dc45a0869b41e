import { assert, assertEquals } from "@std/assert";
import { parseDomain, parseFacts } from "premigrate";
import { readStampMetadata, STAMP_NAMESPACE } from "../../../lib/facts/mod.ts";
import { setMetadata } from "premigrate/domain";
import { ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

const FROM = "stamp --from examples/source.json --xml";

testRuns([
  { name: "stamp: no guest", words: "stamp", code: 2, error: "Wanted the names of guests" },
  { name: "stamp: guests and all", words: "stamp vm1 --all", code: 2, error: "Wanted the names" },
  { name: "stamp: all shut off", words: "stamp --all --offline", code: 2, error: "--offline" },
  { name: "stamp: --from alone", words: "stamp --from x", code: 2, error: "belong together" },
  { name: "stamp: --xml alone", words: "stamp --xml x", code: 2, error: "belong together" },
  { name: "stamp: a file and a guest", words: `${FROM} x vm1`, code: 2, error: "nothing else" },
  {
    name: "stamp: facts of other devices",
    words: "stamp --from - --xml examples/domain.xml",
    stdin: '{"premigrate":"facts/1","host":{"name":"hosta"},"devices":[]}',
    code: 2,
    error: "Cannot make the stamp: there are no facts of its device c5b1d3e0-",
  },
]);

Deno.test("stamp --from --xml: the XML with a stamp in it, and every other byte", async () => {
  const { code, stdout, stderr } = await runCli(`${FROM} examples/domain.xml`);
  assertEquals([code, stderr], [0, ""]);
  const xml = Deno.readTextFileSync(new URL("examples/domain.xml", ROOT));
  const stamped = parseDomain(stdout);
  const found = await readStampMetadata(stamped.metadataElements);
  assert(found.kind === "stamp");
  const facts = parseFacts(Deno.readTextFileSync(new URL("examples/source.json", ROOT)));
  assertEquals(found.stamp.time, facts.host.time);
  assertEquals(
    found.stamp.facts.devices.map(({ address, config }) => [address, config]),
    facts.devices.map(({ address, config }) => [address, config]),
  );
  assertEquals(
    setMetadata(stdout, stamped, STAMP_NAMESPACE, undefined).replace(/<metadata\W+metadata>/, ""),
    xml,
  );
});
