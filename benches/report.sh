#!/bin/sh
# Measures, and writes the tables of docs/performance.md anew: what stands between
# `<!-- target -->` and `<!-- end -->` is what `make target` prints. Arguments: targets, if not all.
set -eu
cd "$(dirname "$0")/.."
page=docs/performance.md
[ $# -gt 0 ] || set -- $(sed -n 's/^<!-- \([a-z-]*\) -->$/\1/p' "$page" | grep -v '^end$')
for target; do
    tables=target/report-$target.md
    make --silent --no-print-directory "$target" >"$tables"
    # What is no table stays as it was printed.
    grep -q '^|---' "$tables" || { echo '```text'; cat "$tables"; echo '```'; } >"$tables.fenced"
    [ ! -s "$tables.fenced" ] || mv "$tables.fenced" "$tables"
    awk -v mark="<!-- $target -->" -v tables="$tables" '
        /^<!-- end -->$/ { skips = 0 }
        !skips { print }
        $0 == mark {
            skips = 1
            print ""
            while ((getline line < tables) > 0) print line
            print ""
        }' "$page" >"$page.new"
    mv "$page.new" "$page"
done
