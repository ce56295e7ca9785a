#!/bin/bash
# boot.sh DIR SOURCE PYTHON SITE: a systemd of its own, as PID 1 of its own namespaces. It ends with this process.
#
# DIR is an empty directory on a tmpfs. /etc and /opt are overlays over the host's, /run, /var and /tmp are new, and
# all else of the host is read-only; the network is a loopback of its own. In /opt/levibotd stands what an installation
# looks like: the code in SOURCE, run by the interpreter below PYTHON with the packages in SITE.
#
# Its cgroups are below those of this process, so that the limits of this process hold for it too. A systemd that
# saw the root of them would move every process of the host.
set -eu
export DIR=$1 SOURCE=$2 PYTHON=$3 SITE=$4

listed=$(cat /proc/self/cgroup) # Before it changes under the loop.
while IFS=: read -r _ controllers path; do
    case $controllers in
        "") if [ -d /sys/fs/cgroup/unified ]; then mounted=/sys/fs/cgroup/unified; else mounted=/sys/fs/cgroup; fi ;;
        *) mounted=/sys/fs/cgroup/${controllers#name=} ;;
    esac
    [ -e "$mounted/cgroup.procs" ] || continue
    parent=$mounted${path%/}
    own=$parent/$(basename "$DIR")
    mkdir "$own"
    echo "$own" >>"$DIR/cgroups"
    if [ -e "$parent/cpuset.cpus" ] && [ -e "$own/cpuset.cpus" ]; then
        cat "$parent/cpuset.cpus" >"$own/cpuset.cpus"
        cat "$parent/cpuset.mems" >"$own/cpuset.mems"
    fi
    echo $$ >"$own/cgroup.procs"
done <<<"$listed"

exec unshare --cgroup --mount --net --pid --uts --ipc --fork --kill-child "$(dirname "$0")/init.sh"
