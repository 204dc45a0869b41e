import {
  architectureOf,
  DESCRIPTION,
  make,
  makeTree,
  PACKAGE_VERSION,
  scriptOf,
  SUMMARY,
  writeBelow,
} from "./tree.ts";
import { PRIVATE_FOLDERS } from "../layout.ts";

/** The first argument is how many versions there will be when the script's step is done. */
const SCRIPTS = {
  pre: "before",
  post: 'if [ "$1" -eq 1 ]; then configure yes; else configure no; fi',
  preun: 'if [ "$1" -eq 0 ]; then remove; fi',
  postun: 'if [ "$1" -eq 0 ]; then after; fi',
} as const;

/** Makes an `.rpm`, and returns its path. */
export async function makeRpm(
  { dist, deno, output, work }: {
    readonly dist: string;
    readonly deno: string;
    readonly output: string;
    /** An empty folder. */
    readonly work: string;
  },
): Promise<string> {
  const architecture = await architectureOf(deno, "rpm");
  const { root, choices } = await makeTree(`${work}/rpm-tree`, "rpm", { dist, deno });
  const listed = await make(
    "find",
    [".", "-mindepth", "1", "!", "-type", "d", "-printf", "/%P\n"],
    root,
  );
  const folders = ["/etc/premigrate", "/etc/premigrate/policies.d", "/usr/lib/premigrate"];
  const files = [
    ...folders.map((path) => `%dir ${path}`),
    ...PRIVATE_FOLDERS.map((path) => `%dir %attr(0700, root, root) ${path}`),
    ...listed.trim().split("\n")
      .map((path) => choices.includes(path) ? `%config(noreplace) ${path}` : path),
  ];
  const scripts: string[] = [];
  for (const [name, call] of Object.entries(SCRIPTS)) {
    scripts.push(`%${name}\n${(await scriptOf(call)).replaceAll("%", "%%")}`);
  }
  // Nothing is stripped: a Deno without its sections is none.
  const spec = `%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
Name: premigrate
Version: ${PACKAGE_VERSION}
Release: 1
Summary: ${SUMMARY}
License: Apache-2.0 AND MIT AND ISC
Requires: coreutils, diffutils, grep
Recommends: libvirt-client, libvirt-daemon-driver-qemu

%description
${DESCRIPTION}

%install
cp -a "${root}/." "%{buildroot}"

${scripts.join("\n")}
%files
%defattr(-, root, root, 0755)
${files.join("\n")}
`;
  await writeBelow(work, "/premigrate.spec", spec);
  const define = (name: string, value: string): string[] => ["--define", `${name} ${value}`];
  await make("rpmbuild", [
    "-bb",
    `--target=${architecture}-linux`,
    ...define("_topdir", `${work}/rpmbuild`),
    ...define("_rpmdir", output),
    ...define("_rpmfilename", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"),
    ...define("_binary_payload", "w6.gzdio"),
    `${work}/premigrate.spec`,
  ]);
  return `${output}/premigrate-${PACKAGE_VERSION}-1.${architecture}.rpm`;
}
