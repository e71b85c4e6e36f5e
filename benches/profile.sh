#!/bin/sh
# Where the instructions of detection go: 1,000 rules over 2,000 events, counted by callgrind and
# summed up by part. It prints a Markdown table. `make profile` runs it.
set -eu
cd "$(dirname "$0")/.."
events=2000
counts=target/profile/callgrind.out
CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_STRIP=none \
    CARGO_PROFILE_RELEASE_LTO=off \
    "${CARGO:-cargo}" build --release --locked -p k8scop-engine --bin instructions --target-dir target/profile
valgrind --quiet --tool=callgrind --toggle-collect='*analyse::analyse' \
    --callgrind-out-file="$counts" target/profile/release/instructions "$events" >/dev/null
callgrind_annotate --threshold=100 --auto=no "$counts" | awk -v events="$events" '
    function part(text) {
        if (text ~ /reading|from_utf8|\/wide-/) return "reading: one pass over the bytes, and the check that they are UTF-8"
        if (text ~ /ruleset.*index|daachorse|aho.corasick|rustc_hash/) return "index: which rules may match"
        if (text ~ /regex|predicate|condition|ruleset|event.*glance|derived|uri/) return "deciding the few candidates, values that they look at"
        if (text ~ /sha2|alert/) return "making alerts"
        if (text ~ /serde|json|btree|BTree|layout|lookup/) return "parsing to a tree, and back to text"
        if (text ~ /malloc|alloc|drop_in_place|string\/\.\.|memcpy|memmove/) return "memory: taking, giving back, copying"
        return "the rest"
    }
    function thousands(number, text) {
        for (text = int(number) ""; match(text, /[0-9][0-9][0-9][0-9](,|$)/);)
            text = substr(text, 1, RSTART) "," substr(text, RSTART + 1)
        return text
    }
    /^ *[0-9,]+ \(/ && !/PROGRAM TOTALS/ {
        count = $1
        gsub(",", "", count)
        $1 = ""
        sum[part($0)] += count
        total += count
    }
    END {
        print "| part | instructions for an event | share |"
        print "|---|---:|---:|"
        for (name in sum)
            printf "%d\t| %s | %s | %.0f %% |\n", sum[name], name, thousands(sum[name] / events), 100 * sum[name] / total | "sort -nr | cut -f2"
        close("sort -nr | cut -f2")
        printf "| all | %s | 100 %% |\n", thousands(total / events)
    }'
