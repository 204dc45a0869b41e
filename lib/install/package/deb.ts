import { gzipSync } from "fflate";
import {
  architectureOf,
  DESCRIPTION,
  MAINTAINER,
  make,
  makeTree,
  PACKAGE_VERSION,
  scriptOf,
  SUMMARY,
  writeBelow,
} from "./tree.ts";

/** By Debian's policy (chapter 6): the first argument tells why a script is called. */
const SCRIPTS = {
  preinst: "case $1 in install | upgrade) before ;; esac",
  postinst:
    'case $1 in configure) if [ -z "$2" ]; then configure yes; else configure no; fi ;; esac',
  prerm: "case $1 in remove) remove ;; esac",
  postrm: "case $1 in remove) after ;; purge) purge ;; esac",
} as const;

/** Makes a `.deb`, and returns its path. */
export async function makeDeb(
  { dist, deno, output, work }: {
    readonly dist: string;
    readonly deno: string;
    readonly output: string;
    /** An empty folder. */
    readonly work: string;
  },
): Promise<string> {
  const architecture = await architectureOf(deno, "deb");
  const tree = await makeTree(`${work}/deb`, "deb", { dist, deno });
  const write = (name: string, text: string, mode?: number): Promise<void> =>
    writeBelow(tree.root, `/DEBIAN/${name}`, text, mode);
  const epoch = Deno.env.get("SOURCE_DATE_EPOCH");
  const date = new Date(epoch === undefined ? Date.now() : Number(epoch) * 1000)
    .toUTCString().replace("GMT", "+0000");
  const changes = `premigrate (${PACKAGE_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${MAINTAINER}  ${date}
`;
  const packed = gzipSync(new TextEncoder().encode(changes), { level: 9, mtime: 0 });
  await writeBelow(tree.root, "/usr/share/doc/premigrate/changelog.gz", packed);
  await write("conffiles", tree.choices.map((path) => `${path}\n`).join(""));
  for (const [name, call] of Object.entries(SCRIPTS)) {
    await write(name, await scriptOf(call), 0o755);
  }
  const sums = "find etc usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
  await write("md5sums", await make("sh", ["-c", sums], tree.root));
  const size = parseInt(await make("du", ["-sk", "--apparent-size", tree.root]));
  await write(
    "control",
    `Package: premigrate
Version: ${PACKAGE_VERSION}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${size}
Depends: libc6 (>= 2.27), libgcc-s1
Recommends: libvirt-clients, libvirt-daemon-system
Section: admin
Priority: optional
Description: ${SUMMARY}
${DESCRIPTION.replace(/^/gm, " ")}
`,
  );
  const path = `${output}/premigrate_${PACKAGE_VERSION}_${architecture}.deb`;
  // Of what xz packs in a minute gzip makes a third more, in some seconds.
  await make("dpkg-deb", ["--root-owner-group", "-Zgzip", "--build", tree.root, path]);
  return path;
}
