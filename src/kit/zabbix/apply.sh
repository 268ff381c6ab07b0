#!/bin/sh
# Hands the files of this folder to Zabbix 6.0; hosts of retired devices are disabled.
#
#   ZABBIX_TOKEN=... ./apply.sh http://zabbix.example/zabbix
#
# SNMP_AUTH_PASSPHRASE, SNMP_PRIV_PASSPHRASE: those of the user who asks by SNMPv3 (`nms-kit zabbix --user`). They become the
# secret macros {$SNMP_AUTH_PASSPHRASE} and {$SNMP_PRIV_PASSPHRASE} of all hosts; a later run needs them only to change them.
#
# The token is one of Administration > General > API tokens, for a user of the role Super admin. A second run changes what
# has changed.
# DELETE_RETIRED=yes: hosts of retired devices are deleted, with all their history. Needs curl.
# After all went well zabbix.revision is that of these files, for `nms-kit --since`.
set -eu
umask 077
cd "$(dirname "$0")"
: "${1:?the address of the front end, for example http://zabbix.example/zabbix}"
: "${ZABBIX_TOKEN:?an API token}"
api=${1%/}/api_jsonrpc.php
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# call METHOD: the parameters on standard input, the answer on standard output. The token stays out of the list of processes.
call() {
    {
        printf '{"jsonrpc":"2.0","id":1,"auth":"%s","method":"%s","params":' "$ZABBIX_TOKEN" "$1"
        cat
        printf '}'
    } >"$work/request"
    curl -sS --fail -H 'Content-Type: application/json-rpc' --data-binary @"$work/request" "$api" >"$work/answer"
    if ! grep -q '"result"' "$work/answer"; then
        cat "$work/answer" >&2
        echo >&2
        exit 1
    fi
    cat "$work/answer"
}

# pass_phrase NAME VALUE: a secret macro of all hosts.
pass_phrase() {
    [ -n "$2" ] || return 0
    value=$(printf '%s' "$2" | sed 's/\\/\\\\/g; s/"/\\"/g')
    found=$(printf '{"globalmacro":true,"output":["globalmacroid"],"filter":{"macro":"{$%s}"}}' "$1" | call usermacro.get)
    id=$(echo "$found" | grep -o '"globalmacroid":"[0-9]*"' | grep -o '[0-9]*' || true)
    if [ -n "$id" ]; then
        printf '{"globalmacroid":"%s","type":"1","value":"%s"}' "$id" "$value" | call usermacro.updateglobal
    else
        printf '{"macro":"{$%s}","type":"1","value":"%s"}' "$1" "$value" | call usermacro.createglobal
    fi >/dev/null
    echo "{\$$1}"
}

pass_phrase SNMP_AUTH_PASSPHRASE "${SNMP_AUTH_PASSPHRASE:-}"
pass_phrase SNMP_PRIV_PASSPHRASE "${SNMP_PRIV_PASSPHRASE:-}"

all='"createMissing":true,"updateExisting":true'
rules="\"groups\":{\"createMissing\":true},\"templates\":{$all},\"hosts\":{$all},\"templateLinkage\":{\"createMissing\":true,\"deleteMissing\":true}"
for kind in items triggers discoveryRules valueMaps templateDashboards; do
    rules="$rules,\"$kind\":{$all,\"deleteMissing\":true}"
done

for file in bridge-template.json bridge-host.json device-templates.json $(grep -v '^#' hosts.txt 2>/dev/null); do
    [ -e "$file" ] || continue
    # A JSON text as a string of a JSON text.
    {
        printf '{"format":"json","rules":{%s},"source":"' "$rules"
        sed 's/\\/\\\\/g; s/"/\\"/g' "$file" | tr '\n' ' '
        printf '"}'
    } | call configuration.import >/dev/null
    echo "$file"
done

# Names are of letters, digits, dots, dashes, underscores and spaces; so many at a time as a request takes.
grep -v '^#' retired.txt 2>/dev/null | split -a 4 -l 500 - "$work/retired."
done=
for part in "$work"/retired.*; do
    [ -e "$part" ] || continue
    names=$(sed 's/.*/"&"/' "$part" | paste -sd,)
    if [ "${DELETE_RETIRED:-no}" = yes ]; then
        wanted='' method=host.delete
    else
        wanted=',"status":0' method=host.massupdate
    fi
    found=$(printf '{"output":["hostid"],"filter":{"host":[%s]%s}}' "$names" "$wanted" | call host.get)
    ids=$(echo "$found" | grep -o '"hostid":"[0-9]*"' | grep -o '[0-9]*' || true)
    [ -n "$ids" ] || continue
    if [ $method = host.delete ]; then
        echo "$ids" | sed 's/.*/"&"/' | paste -sd, | sed 's/.*/[&]/'
    else
        echo "$ids" | sed 's/.*/{"hostid":"&"}/' | paste -sd, | sed 's/.*/{"hosts":[&],"status":1}/'
    fi | call $method >/dev/null
    done=$method
done
case $done in
host.delete) echo "retired.txt: deleted" ;;
host.massupdate) echo "retired.txt: disabled" ;;
esac

# Only now: what this run did not hand over, the next one has to.
[ ! -e zabbix.revision.new ] || mv -f zabbix.revision.new zabbix.revision
