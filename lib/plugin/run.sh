#!/usr/bin/env -S -i /bin/sh
# Becomes the Deno that a code plugin runs in: without any permission, environment or file, and with
# little memory. What the plugin tried to reach comes out by standard error; its own goes nowhere.
#
#   sh -c "$(cat run.sh)" sh DENO CHILD
#   ROOT/usr/lib/premigrate/plugin.sh     as the hook's bundle may start it, with nothing to choose:
#                                         neither arguments nor environment, which bash believes
case $0 in
  */usr/lib/premigrate/plugin.sh)
    root=${0%/usr/lib/premigrate/plugin.sh}
    while IFS=' ' read -r key value; do
      [ "$key" != deno ] || break
    done <"$root/etc/premigrate/applied.conf"
    case $value in
      /usr/lib/premigrate/*) value=$root$value ;;
    esac
    set -- "$value" "$root/usr/lib/premigrate/plugin_child.js"
    ;;
esac
heap_mib=128
# With what Deno itself takes, and V8 reserves for code (512 MiB); what is outside V8's heap counts.
# shellcheck disable=SC3045 # dash, bash and busybox have it
ulimit -d 1048576 && ulimit -f 0 && ulimit -t 600 || exit # of CPU, longer than any deadline
exec /usr/bin/env -i DENO_AUDIT_PERMISSIONS=/dev/fd/3 DENO_DIR=/dev/null/none DENO_NO_UPDATE_CHECK=1 NO_COLOR=1 \
  "$1" run --no-prompt --no-config --no-lock --no-remote --no-npm --no-code-cache --quiet \
  --v8-flags=--max-old-space-size="$heap_mib" "$2" 3>&2 2>/dev/null
