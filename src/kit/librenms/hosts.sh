#!/bin/sh
# Adds the devices to LibreNMS, and takes out those that were retired. Run it as the user librenms; sh may read it from a pipe.
# A device that is there already gets its port, community, site and what it hangs on, and stays as it is else. Answers are not waited for, nor is
# ping: a device may be away now. The exit code is 0 only if LibreNMS has taken all.
# LNMS: where lnms is. POLLER_GROUP: the number of the poller group. SNMP_AUTH_PASSPHRASE, SNMP_PRIV_PASSPHRASE: those of the
# user who asks by SNMPv3 (`nms-kit librenms --user`).
lnms=${LNMS:-/opt/librenms/lnms}
placed=$(mktemp) && retired=$(mktemp) || exit 2
trap 'rm -f "$placed" "$retired"' EXIT
failed=0
user=

# user NAME AUTH_PROTOCOL [PRIV_PROTOCOL]: asks all that follow, by SNMPv3.
user() {
    user=$1 auth=$2 priv=$3
    : "${SNMP_AUTH_PASSPHRASE:?the pass phrase of $1 for authentication}"
    [ -z "$priv" ] || : "${SNMP_PRIV_PASSPHRASE:?the pass phrase of $1 for privacy}"
}

# add HOSTNAME NAME PORT TRANSPORT COMMUNITY SITE PARENT
add() {
    host=$1 port=$3 transport=$4 community=$5 site=$6 parent=$7
    set -- --display-name="$2" --port="$3" --transport="$4" "$5"
    if [ -z "$user" ]; then
        set -- --v2c "$1" "$2" "$3" --community="$4"
    else
        set -- --v3 "$1" "$2" "$3" --security-name="$user" --auth-protocol="$auth" --auth-password="$SNMP_AUTH_PASSPHRASE"
        [ -z "$priv" ] || set -- "$@" --privacy-protocol="$priv" --privacy-password="$SNMP_PRIV_PASSPHRASE"
    fi
    "$lnms" device:add --force "$@" --group="${POLLER_GROUP:-0}" -- "$host" </dev/null
    case $? in
    0 | 2) printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$host" "$site" "$parent" "$port" "$transport" "$community" >>"$placed" ;;
    *) failed=1 ;;
    esac
}

# retire HOSTNAME
retire() {
    printf '%s\n' "$1" >>"$retired"
}

# Versions before 25 have another program for it.
remove() {
    if "$lnms" list --raw </dev/null | grep -q '^device:remove '; then
        "$lnms" device:remove -- "$1" </dev/null
    else
        "$(dirname "$lnms")/delhost.php" "$1" </dev/null
    fi || failed=1
}

# Device groups by site: a device is in that of its site alone. It depends on its gateway, known by its display name, else on
# the bridge.
place() {
    PLACED=$placed "$lnms" tinker --execute='
        $named = fn ($name) => \App\Models\Device::where("display", $name)->orWhere("hostname", $name)->value("device_id");
        foreach (file(getenv("PLACED"), FILE_IGNORE_NEW_LINES) as $line) {
            [$host, $site, $parent, $port, $transport, $community] = explode("\t", $line, 6);
            $device = \App\Models\Device::where("hostname", $host)->first();
            if ($device === null) continue;
            $asked = ["port" => $port, "transport" => $transport] + ($community === "" ? [] : ["community" => $community]);
            $device->forceFill($asked)->save();
            $above = array_diff(array_filter([$parent === "" ? null : $named($parent)]), [$device->device_id]);
            $device->parents()->sync($above);
            foreach (\App\Models\DeviceGroup::where("desc", "Site in fleetbridge")->where("name", "!=", $site)->get() as $other) {
                $other->devices()->detach($device->device_id);
            }
            if ($site === "") continue;
            $group = \App\Models\DeviceGroup::firstOrCreate(["name" => $site], ["type" => "static", "desc" => "Site in fleetbridge"]);
            $group->devices()->syncWithoutDetaching([$device->device_id]);
        }' </dev/null || failed=1
}

finish() {
    [ ! -s "$placed" ] || place
    if [ -s "$retired" ]; then
        known=$(RETIRED=$retired "$lnms" tinker --execute='
            foreach (array_chunk(file(getenv("RETIRED"), FILE_IGNORE_NEW_LINES), 500) as $hosts) {
                echo \App\Models\Device::whereIn("hostname", $hosts)->pluck("hostname")->implode("\n"), "\n";
            }' </dev/null) || failed=1
        for host in $(printf '%s\n' "$known" | grep -Fx -f "$retired"); do
            remove "$host"
        done
    fi
    exit "$failed"
}

