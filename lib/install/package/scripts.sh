#!/bin/sh
# What the scripts of the packages do; the last line of each calls one of these.
set -e
lib=/usr/lib/premigrate
applied=/etc/premigrate/applied.conf
state=/var/lib/premigrate
hooks=/etc/libvirt/hooks
hook=$hooks/qemu.d/90-premigrate
agent=premigrate-agent.service
# No cache in root's home, where no package has anything.
export DENO_DIR=/dev/null/none

refuse() { # WHY
  echo "premigrate: Cannot install the package: $1" >&2
  exit 2
}

# Nothing of this host was changed yet.
before() {
  [ ! -e "$lib/manifest.json" ] || grep -q '"package"' "$lib/manifest.json" ||
    refuse "found what \`premigrate install\` put on this host; run \`premigrate uninstall\` first"
  [ ! -e "$hook" ] || cmp -s "$hook" "$lib/launcher.sh" ||
    refuse "$hook is not premigrate's, or was changed; move it out of its folder first"
}

# What the hook runs by is made here of the operator's choices, and the hook is put in its place last: as a
# configuration file of the package it would stay when its programs are removed, and refuse migrations.
configure() { # FIRST, yes or no
  [ -e "$applied" ] || echo "deno $lib/deno" >"$applied"
  if [ "$1" = yes ]; then
    "$lib/premigrate" config apply >/dev/null
  else
    "$lib/premigrate" config apply || echo "premigrate: what was applied before stays in force" >&2
  fi
  "$lib/premigrate" cache >/dev/null 2>&1 || true # without libvirt
  if ! cmp -s "$lib/launcher.sh" "$hook"; then
    # Not in qemu.d, where libvirt runs whatever is executable.
    cp "$lib/launcher.sh" "$hooks/.premigrate"
    chmod 755 "$hooks/.premigrate"
    mv -f "$hooks/.premigrate" "$hook"
  fi
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if [ "$1" = no ] && systemctl -q is-active "$agent"; then
      "$(command -v deb-systemd-invoke || echo systemctl)" try-restart "$agent" || true
      echo "restarted $agent"
    fi
  fi
  [ "$1" = no ] || cat <<END
next: systemctl reload libvirtd (or virtqemud), if no other hook was there: it does not know of hooks yet
next: systemctl enable --now premigrate-agent
next: premigrate doctor
END
}

# The hook first: it may not be there without what it runs.
remove() {
  rm -f "$hook"
  ! command -v systemctl >/dev/null || systemctl disable --now "$agent" || true
  # As lib/agent/metrics.ts keeps it: Prometheus would go on reading the file.
  file=$(sed -n 's/.*"file":"\([^"\\]*\)".*/\1/p' "$state/metrics.json" 2>/dev/null) || true
  [ -z "$file" ] || rm -f "$file"
  echo "premigrate: a guest that runs keeps its stamp until it is shut off"
}

after() {
  rm -rf "$applied" /var/cache/premigrate
  [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

purge() {
  after
  rm -rf "$state" /var/log/premigrate
}
