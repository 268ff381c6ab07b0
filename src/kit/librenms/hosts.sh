#!/bin/sh
# Adds the devices to LibreNMS, and takes out those that were retired. Run it as the user librenms; sh may read it from a pipe.
# A device that is there already stays as it is. Answers are not waited for, nor is ping: a device may be away now.
# LNMS: where lnms is. POLLER_GROUP: the number of the poller group.
lnms=${LNMS:-/opt/librenms/lnms}
sites=$(mktemp) || exit 2
trap 'rm -f "$sites"' EXIT
failed=0

# add HOSTNAME NAME PORT TRANSPORT COMMUNITY SITE
add() {
    "$lnms" device:add --v2c --force --display-name="$2" --port="$3" --transport="$4" --community="$5" \
        --group="${POLLER_GROUP:-0}" -- "$1" </dev/null
    case $? in
    0 | 2) [ -z "$6" ] || printf '%s\t%s\n' "$1" "$6" >>"$sites" ;;
    *) failed=1 ;;
    esac
}

# retire HOSTNAME; versions before 25 have another program for it.
retire() {
    if "$lnms" list --raw </dev/null | grep -q '^device:remove '; then
        "$lnms" device:remove -- "$1" </dev/null
    else
        "$(dirname "$lnms")/delhost.php" "$1" </dev/null
    fi || failed=1
}

# Device groups by site: a device is in that of its site alone.
finish() {
    [ -s "$sites" ] || exit "$failed"
    SITES=$sites "$lnms" tinker --execute='
        foreach (file(getenv("SITES"), FILE_IGNORE_NEW_LINES) as $line) {
            [$host, $site] = explode("\t", $line, 2);
            $id = \App\Models\Device::where("hostname", $host)->value("device_id");
            $group = \App\Models\DeviceGroup::firstOrCreate(["name" => $site], ["type" => "static", "desc" => "Site in fleetbridge"]);
            foreach (\App\Models\DeviceGroup::where("desc", "Site in fleetbridge")->where("id", "!=", $group->id)->get() as $other) {
                $other->devices()->detach($id);
            }
            $group->devices()->syncWithoutDetaching(array_filter([$id]));
        }' </dev/null || failed=1
    exit "$failed"
}

