import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hideSecrets } from "../../../../lib/facts/hide_secrets.ts";
import { parseCapabilities } from "../../../../lib/facts/libvirt/capabilities.ts";
import { parseGuest, parseGuestList } from "../../../../lib/facts/libvirt/guest.ts";
import { parseHost } from "../../../../lib/facts/libvirt/host.ts";
import { nodeDeviceName, parseNodeDevice } from "../../../../lib/facts/libvirt/nodedev.ts";
import { LibvirtUriError, parseLibvirtUri } from "../../../../lib/facts/libvirt/uri.ts";
import { parseMachineCompat } from "../../../../lib/facts/emulator/machine_compat.ts";
import { VirshError } from "../../../../lib/facts/libvirt/virsh_error.ts";
import { readAnswers, writeScripts } from "../../../../lib/facts/libvirt/virsh_script.ts";

function read(name: string): string {
  return Deno.readTextFileSync(`tests/cases/libvirt/${name}`);
}

const HOST = { host: "hostb" };
const RECORDED = [
  "version.txt",
  "capabilities.xml",
  "dominfo.txt",
  "dumpxml.xml",
  "nodedev_vf.xml",
  "nodedev_mdev.xml",
  "query_machines_10.0.json",
].map(read);

/** A recorded output with a part replaced by anything. */
const damaged = fc.constantFrom(...RECORDED).chain((text) =>
  fc.tuple(fc.nat(text.length), fc.nat(40), fc.string({ unit: "binary", maxLength: 40 })).map((
    [at, length, other],
  ) => text.slice(0, at) + other + text.slice(at + length))
);
const output = fc.oneof(damaged, fc.constantFrom(...RECORDED), fc.string({ unit: "binary" }));

Deno.test("any output gives data, or says why not", () => {
  fc.assert(fc.property(output, output, fc.array(output, { maxLength: 3 }), (info, xml, host) => {
    const guest = parseGuest(HOST, "vm1", [info, xml], parseHost(host));
    if (!("missing" in guest)) assertEquals(guest.name, "vm1");
    const { missing, ...facts } = parseHost(host)({ arch: "x86_64" });
    for (const [fact, value] of Object.entries(facts)) {
      assertEquals(value === undefined, missing[fact] !== undefined, fact);
    }
    for (const { uuid } of parseGuestList(info)) assertEquals(uuid.length, 36);
    const device = parseNodeDevice(xml);
    if (device !== undefined) assert(xml.includes(nodeDeviceName(device.address)));
    for (const { path } of parseCapabilities(xml)?.emulators ?? []) {
      assert(xml.length > path.length);
    }
    const compat = parseMachineCompat(xml);
    if ("skipVscCheck" in compat) assert(Object.keys(compat.skipVscCheck).length > 0);
  }));
});

Deno.test("any streams give as many answers as commands, or a VirshError", () => {
  const stream = fc.array(fc.oneof(fc.constantFrom("#", "error: #\n", "error: x\n", "\n"), output));
  fc.assert(fc.property(stream, stream, fc.nat(4), (out, err, count) => {
    try {
      const streams = { stdout: out.join(""), stderr: err.join("") };
      assertEquals(readAnswers(HOST, streams, "#", count).length, count);
    } catch (error) {
      if (!(error instanceof VirshError)) throw error;
      assertEquals(error.message.includes("\n"), false);
    }
  }));
});

Deno.test("any commands make scripts that fit an argument, or a VirshError", () => {
  const words = fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 3 });
  fc.assert(fc.property(fc.array(words), fc.nat(200_000), (commands, length) => {
    const all = [...commands, ["x".repeat(length)]];
    try {
      const scripts = writeScripts(HOST, all, "#");
      assertEquals(scripts.reduce((sum, { count }) => sum + count, 0), all.length);
      for (const { text } of scripts) assert(new TextEncoder().encode(text).length < 131_072);
    } catch (error) {
      if (!(error instanceof VirshError)) throw error;
      assert(length > 100_000 || commands.flat().some((word) => word.includes("\0")));
    }
  }));
});

const piece = fc.constantFrom(
  ..."qemu test +ssh +unix +ext :// / /system user@ -o host [::1] :22 ? & = keyfile no_tty 1 %00 %2"
    .split(" "),
);

Deno.test("any text gives a URI that is safe as an argument, or a LibvirtUriError", () => {
  const uri = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(piece).map((pieces) => pieces.join("")),
    fc.array(piece).map((pieces) => `qemu+ssh://h/system?${pieces.join("")}`),
  );
  fc.assert(
    fc.property(uri, (text) => {
      try {
        const { text: safe, host, ssh } = parseLibvirtUri(text);
        assert(/^qemu[!-~]+$/.test(safe));
        for (const word of [host, ssh?.host, ssh?.user, ssh?.keyfile]) {
          assert(word === undefined || /^[^-\p{C}]\P{C}*$/u.test(word), word);
        }
      } catch (error) {
        if (!(error instanceof LibvirtUriError)) throw error;
        assert(!/\p{C}/u.test(error.message));
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a password in an attribute is hidden wherever it stands", () => {
  const blank = fc.constantFrom(" ", "\n", "  ");
  fc.assert(fc.property(blank, blank, fc.constantFrom("'", '"'), fc.nat(30), (a, b, quote, at) => {
    const xml = `<a b='${"x".repeat(at)}'${a}passwd${b}=${b}${quote}hunter2${quote} c='d'/>`;
    const hidden = hideSecrets(xml);
    assert(!hidden.includes("hunter2") && hidden.includes("c='d'"));
  }));
});
