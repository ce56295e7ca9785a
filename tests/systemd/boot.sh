#!/bin/bash
# boot.sh DIR SOURCE PYTHON SITE: a systemd of its own, as PID 1 of its own namespaces. It ends with this process.
#
# DIR is an empty directory. The rest is what root.sh shows inside, read-only: the project in SOURCE, the interpreter
# below PYTHON, and the packages in SITE.
#
# Its cgroups are below those of this process, so that the limits of this process hold for it too, and it can set none
# but those below its own. A systemd that saw the root of them would move every process of the host.
set -eu
export DIR=$1 SOURCE=$2 PYTHON=$3 SITE=$4
# Who is root inside is this user outside, who owns nothing here and may do nothing.
export FIRST_ID=100000 IDS=65536

listed=$(cat /proc/self/cgroup) # Before it changes under the loop.
while IFS=: read -r _ controllers path; do
    case $controllers in
        "") if [ -d /sys/fs/cgroup/unified ]; then mounted=/sys/fs/cgroup/unified; else mounted=/sys/fs/cgroup; fi ;;
        name=systemd | memory | pids) mounted=/sys/fs/cgroup/${controllers#name=} ;;
        *) continue ;; # It can do without the others.
    esac
    [ -e "$mounted/cgroup.procs" ] || continue
    own=$mounted${path%/}/$(basename "$DIR")
    mkdir "$own"
    echo "$own" >>"$DIR/cgroups"
    for file in "$own" "$own/cgroup.procs" "$own/cgroup.threads" "$own/cgroup.subtree_control" "$own/tasks"; do
        if [ -e "$file" ]; then chown "$FIRST_ID:$FIRST_ID" "$file"; fi
    done
    echo $$ >"$own/cgroup.procs"
done <<<"$listed"

# Who is told to give way, and has no right to undo that, may not set a policy of its own, as a unit does.
renice --priority 0 --pid $$ >/dev/null
exec unshare --mount --propagation private "$(dirname "$0")/root.sh"
