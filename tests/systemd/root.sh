#!/bin/bash
# The second step after boot.sh, still root of the host, in a mount namespace of its own: builds the machine's root,
# leaves the host's for good and goes on as somebody who is nobody outside.
#
# Two things keep the host from harm, each alone: nothing of it can be seen in the new root but a few directories that
# are read-only, which the user namespace made below cannot undo; and root in that namespace is an ordinary user to
# every file, device and setting of the host.
set -eu
umask 022
host_devices=" $(awk '{ print $3 }' /proc/self/mountinfo | tr '\n' ' ')"
export HOST_DEVICES=$host_devices
root=$DIR/root
mkdir "$root"
mount -t tmpfs -o "mode=755,size=4g,uid=$FIRST_ID,gid=$FIRST_ID" tmpfs "$root"

own() { install -d -o "$FIRST_ID" -g "$FIRST_ID" -m "$1" "${@:2}"; }
give() { chown -h "$FIRST_ID:$FIRST_ID" "$@"; }
read_only() { # SOURCE TARGET
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
}

cd "$root"
own 755 dev etc home media mnt opt proc root run srv sys usr var work
own 755 opt/source opt/python opt/site etc/alternatives etc/systemd etc/systemd/system var/lib var/log var/cache var/backups
own 1777 tmp var/tmp
for name in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$name" ]; then
        ln -s "usr/$name" "$name"
        give "$name"
    elif [ -d "/$name" ]; then
        own 755 "$name"
        read_only "/$name" "/$name"
    fi
done
for file in group nsswitch.conf passwd; do
    cp "/etc/$file" "etc/$file"
    give "etc/$file"
done
# The interpreter's own library is not where it was built for.
{ echo /opt/python/lib; cat /etc/ld.so.conf.d/*.conf; } >etc/ld.so.conf
give etc/ld.so.conf
mount -t tmpfs -o "mode=755,size=1m,uid=$FIRST_ID,gid=$FIRST_ID" tmpfs dev
for node in null zero full random urandom tty; do
    touch "dev/$node"
    read_only "/dev/$node" "/dev/$node"
done
ln -s pts/ptmx dev/ptmx
give dev/ptmx
read_only /usr /usr
read_only /etc/alternatives /etc/alternatives
read_only /sys /sys
read_only "$SOURCE" /opt/source
read_only "$PYTHON" /opt/python
read_only "$SITE" /opt/site
# A procfs can only be mounted by who sees one already. This one gets covered, and shows what any user may see.
mount --bind /proc "$root/proc"

own 755 .host
pivot_root . .host
cd /
umount --lazy /.host
rmdir /.host

unshare --user sleep 10 &
holder=$!
while [ "$(readlink "/proc/$holder/ns/user")" = "$(readlink /proc/self/ns/user)" ]; do :; done
echo "0 $FIRST_ID $IDS" >"/proc/$holder/uid_map"
echo "0 $FIRST_ID $IDS" >"/proc/$holder/gid_map"
exec 9<"/proc/$holder/ns/user"
kill "$holder"
wait "$holder" || true
exec nsenter --user=/proc/self/fd/9 \
    unshare --cgroup --mount --net --pid --uts --ipc --fork --kill-child /opt/source/tests/systemd/init.sh
