#!/usr/bin/env bash
# Holds mibs/ against three readers of MIB texts: smilint, pysmi and net-snmp.
# Each is also given broken copies, to show that its silence means something.
# Needs smitools, snmp and pysmi (tests/.venv or PATH); no network.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
own=$root/mibs
base=$root/tests/support/mibs
modules=(FLEETBRIDGE-SMI FLEETBRIDGE-MIB)

PATH=$root/tests/.venv/bin:$PATH
for tool in smilint mibdump snmptranslate; do
    command -v "$tool" >/dev/null || { echo "mibs.sh: no $tool (tests/run installs it)" >&2; exit 2; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Neither the system's nor the user's settings and modules may help.
mkdir -p "$work/home/cert_indexes"
export HOME=$work/home SNMPCONFPATH=$work/home SNMP_PERSISTENT_DIR=$work/home
unset MIBS MIBDIRS MIBFILES

passed=0
failed=0
out=

ok() {
    passed=$((passed + 1))
    echo "ok      $1"
}

not_ok() {
    failed=$((failed + 1))
    echo "FAILED  $1"
    printf '%s\n' "${2:-(no output)}" | head -n 40 | sed 's/^/        /'
}

# silent NAME COMMAND...: it must succeed and print nothing at all.
silent() {
    local name=$1 rc=0
    shift
    out=$("$@" 2>&1) || rc=$?
    if [ $rc = 0 ] && [ -z "$out" ]; then ok "$name"; else not_ok "$name" "$out (exit $rc)"; fi
}

# complains NAME PATTERN COMMAND...: what it prints must match.
complains() {
    local name=$1 pattern=$2
    shift 2
    out=$("$@" 2>&1) || true
    if grep -q -- "$pattern" <<<"$out"; then ok "$name"; else not_ok "$name" "$out"; fi
}

# broken SED-EXPRESSION: a folder with a copy of FLEETBRIDGE-MIB that has this
# defect; the expression must have changed something.
broken() {
    local dir
    dir=$(mktemp -d -p "$work")
    sed -e "$1" "$own/FLEETBRIDGE-MIB.txt" >"$dir/FLEETBRIDGE-MIB.txt"
    if cmp -s "$own/FLEETBRIDGE-MIB.txt" "$dir/FLEETBRIDGE-MIB.txt"; then
        echo "mibs.sh: this changes nothing: $1" >&2
        exit 2
    fi
    echo "$dir"
}

# An index must not be a Counter64.
index_type='s/INDEX  *{ fbAdapterIndex }/INDEX { fbAdapterMessages }/'
# InetAddress is used, and not imported any more.
import='s/^    InetAddressType, InetAddress$/    InetAddressType/'
# Two columns with one number.
duplicate='s/::= { fbDeviceEntry 12 }/::= { fbDeviceEntry 11 }/'
# Two columns change places in the SEQUENCE.
order='/^    fbPointDigits  *Integer32,$/{h;d;};/^    fbPointCounter  /G'
# A column and its place in the SEQUENCE have different types.
column_type='/^fbDeviceSite OBJECT-TYPE/,/::=/s/SnmpAdminString/Unsigned32/'
# An object that no conformance group holds.
group='/^        fbFleetLate,$/d'
# Not SMI at all.
syntax='s/^    SYNTAX      FbPresence$/    SYNTAX      {/'

# --- smilint, which exits 0 whatever it finds: what counts is its output

lint() {
    local path=$1
    shift
    SMIPATH=$path smilint -c /dev/null -l 6 -s -m "$@"
}

# By convention smilint wants every module to be called *-MIB.
silent "smilint -l 6: FLEETBRIDGE-SMI" \
    lint "$own:$base" -i module-name-suffix "$own/FLEETBRIDGE-SMI.txt"
silent "smilint -l 6: FLEETBRIDGE-MIB" \
    lint "$own:$base" "$own/FLEETBRIDGE-MIB.txt"
# The base modules are as their RFCs have them, which level 5 does not like;
# of SNMPv2-SMI, whose types it has built in, it refuses the ranges.
for module in SNMPv2-TC SNMPv2-CONF SNMPv2-MIB SNMP-FRAMEWORK-MIB INET-ADDRESS-MIB; do
    silent "smilint -l 4: $module" \
        env SMIPATH="$base" smilint -c /dev/null -l 4 -s -m "$base/$module.txt"
done

lint_broken() {
    local dir
    dir=$(broken "$3")
    complains "smilint sees $1" "$2" lint "$own:$base" "$dir/FLEETBRIDGE-MIB.txt"
}

complains "smilint sees absent base modules" "{module-not-found}" \
    lint "$own" "$own/FLEETBRIDGE-MIB.txt"
lint_broken "a wrong index type" {index-illegal-basetype} "$index_type"
lint_broken "a missing import" {type-unknown} "$import"
lint_broken "two columns with one number" {oid-registered} "$duplicate"
lint_broken "columns out of order" {sequence-order} "$order"
lint_broken "a column of another type" {sequence-type-mismatch} "$column_type"
lint_broken "an object in no group" {group-membership} "$group"
lint_broken "a syntax error" "syntax error" "$syntax"

# --- pysmi

# compile DIR MODULE...: DIR comes before our own folders. To JSON, because
# for that no ready-made modules of pysnmp are taken instead of ours; the
# borrower is a folder that does not exist, else pysmi asks the network.
compile() {
    local dir=$1 target
    shift
    target=$(mktemp -d -p "$work")
    mibdump --rebuild --destination-format=json \
        --mib-source="file://$dir" --mib-source="file://$own" --mib-source="file://$base" \
        --mib-borrower="file://$work/none" \
        --destination-directory="$target" "$@" 2>&1
}

# listed REPORT LINE: what mibdump's report has after "LINE:".
listed() {
    sed -n "s|^$2: *||p" <<<"$1" | tr -d ' ' | tr ',' '\n' | sort
}

rc=0
out=$(compile "$own" "${modules[@]}" SNMPv2-MIB) || rc=$?
want=$(printf '%s\n' FLEETBRIDGE-MIB FLEETBRIDGE-SMI INET-ADDRESS-MIB SNMP-FRAMEWORK-MIB SNMPv2-MIB)
if [ $rc = 0 ] && [ "$(listed "$out" "Created/updated MIBs")" = "$want" ]; then
    ok "pysmi compiles every module"
else
    not_ok "pysmi compiles every module" "$out"
fi
for line in Missing\ source Ignored Failed; do
    # A second module that fails stands in a line of its own, indented.
    rest=$(sed -n "/^$line MIBs:/,/^[A-Z]/p" <<<"$out" | sed "s/^$line MIBs: *//; /^[A-Z][a-z].*:/d")
    if grep -q "^$line MIBs:" <<<"$out" && [ -z "$rest" ]; then
        ok "pysmi: ${line,,} none"
    else
        not_ok "pysmi: ${line,,} none" "$out"
    fi
done

compile_broken() {
    local dir rc=0
    dir=$(broken "$2")
    out=$(compile "$dir" FLEETBRIDGE-MIB) || rc=$?
    if [ $rc != 0 ] && grep -q '^Failed MIBs: FLEETBRIDGE-MIB' <<<"$out"; then
        ok "pysmi sees $1"
    else
        not_ok "pysmi sees $1" "$out"
    fi
}

compile_broken "a missing import" "$import"
compile_broken "a syntax error" "$syntax"

# --- net-snmp, with the folder that an operator has: ours and the base modules

operator=$work/operator
mkdir "$operator"
cp "$own"/*.txt "$base"/*.txt "$operator"

# name_is NAME OID PATH
name_is() {
    local rc=0
    out=$(snmptranslate -M "$3" -m FLEETBRIDGE-MIB -On "$1" 2>&1) || rc=$?
    if [ $rc = 0 ] && [ "$out" = "$2" ]; then ok "net-snmp: $1 is $2"; else not_ok "net-snmp: $1 is $2" "$out"; fi
}

name_is FLEETBRIDGE-MIB::fbDeviceName .1.3.6.1.4.1.32473.2.1.2.1.2 "$own:$base"
while read -r name oid; do
    name_is "$name" ".1.3.6.1.4.1.32473$oid" "$operator"
done <<'END'
FLEETBRIDGE-SMI::fbBridge .1.1
FLEETBRIDGE-MIB::fbFleetLastEvent.0 .2.1.1.15.0
FLEETBRIDGE-MIB::fbDeviceActiveAlarms.7 .2.1.2.1.23.7
FLEETBRIDGE-MIB::fbPointValue.7.3 .2.1.3.1.4.7.3
FLEETBRIDGE-MIB::fbMissingLastSeen.7 .2.1.6.1.6.7
FLEETBRIDGE-MIB::fbAdapterDevices.1 .2.1.8.1.10.1
FLEETBRIDGE-MIB::fbEventNumber.0 .2.1.14.1.0
FLEETBRIDGE-MIB::fbDeviceLost .2.0.1
FLEETBRIDGE-MIB::fbAdapterUp .2.0.4
END

# tree MODULES: the tree is printed, and nothing on stderr.
tree() {
    local rc=0
    snmptranslate -M "$operator" -m "$1" -Tp >"$work/tree" 2>"$work/errors" || rc=$?
    if [ $rc = 0 ] && [ ! -s "$work/errors" ] && grep -q 'fbAdapterDevices(10)' "$work/tree"; then
        ok "net-snmp: the tree of $1 without a warning"
    else
        not_ok "net-snmp: the tree of $1 without a warning" "$(cat "$work/errors")"
    fi
}

tree FLEETBRIDGE-MIB
tree ALL
# The detailed warnings that net-snmp can give, beside its notes on macros
# and on the SEQUENCE type of every table's entry.
out=$(snmptranslate -M "$operator" -m ALL -PW -Tp 2>&1 >/dev/null |
    grep -v -e ' MACRO (lines .* parsed and ignored)\.$' \
        -e '^Warning: No known translation for type ([A-Z][A-Za-z]*Entry): ' || true)
if [ -z "$out" ]; then ok "net-snmp: no detailed warning"; else not_ok "net-snmp: no detailed warning" "$out"; fi

dir=$(broken "$import")
complains "net-snmp sees absent base modules" "Cannot find module (SNMPv2-TC)" \
    snmptranslate -M "$own" -m FLEETBRIDGE-MIB -Tp
complains "net-snmp sees a missing import" "No known translation for type (InetAddress)" \
    snmptranslate -M "$dir:$own/none:$base" -m FLEETBRIDGE-MIB -PW -Tp

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
