#!/bin/bash
# The first process of the namespaces that boot.sh makes: mounts what systemd needs, and becomes it.
#
# Whoever is root in here must not be able to harm the host: every file system of the host is read-only, and so are the
# code, the interpreter and its packages. Only what is mounted anew below can be written.
set -eu
mount --make-rprivate /
awk '$5 !~ "^/(proc|sys|dev)(/|$)" { print $5 }' /proc/self/mountinfo | while read -r point; do
    mount -o remount,bind,ro "$(printf '%b' "$point")"
done
mount -t proc proc /proc
# At its start systemd raises limits that no namespace keeps apart from the host's.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys

if [ -e /sys/fs/cgroup/cgroup.procs ]; then
    umount /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    hierarchies=$(cd /sys/fs/cgroup && for each in *; do if [ -e "$each/cgroup.procs" ]; then echo "$each"; fi; done)
    # Where systemd misses a hierarchy it makes a directory for it: not in the host's.
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for hierarchy in $hierarchies; do
        mkdir "/sys/fs/cgroup/$hierarchy"
        case $hierarchy in
            unified) mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified ;;
            systemd) mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd ;;
            *) mount -t cgroup -o "$hierarchy" cgroup "/sys/fs/cgroup/$hierarchy" ;;
        esac
    done
fi

for directory in etc opt; do
    mkdir -p "$DIR/$directory.upper" "$DIR/$directory.work"
    mount -t overlay overlay -o "lowerdir=/$directory,upperdir=$DIR/$directory.upper,workdir=$DIR/$directory.work" "/$directory"
done
mkdir -p /opt/levibotd/bin /opt/levibotd/source /opt/levibotd/python /opt/levibotd/site
bind() {
    mount --bind "$1" "$2"
    mount -o remount,bind,ro "$2"
}
bind "$SOURCE" /opt/levibotd/source
bind "$PYTHON" /opt/levibotd/python
bind "$SITE" /opt/levibotd/site
cat >/opt/levibotd/bin/levibotd <<'SCRIPT'
#!/bin/sh
# The interpreter's own library is not where it was built for.
export LD_LIBRARY_PATH=/opt/levibotd/python/lib
# Modules of the tests stand in for the command where MODULE names one.
export PYTHONPATH=/opt/levibotd/source:/opt/levibotd/site PYTHONDONTWRITEBYTECODE=1
cd /opt/levibotd/source && exec /opt/levibotd/python/bin/python3 -P -m "${MODULE:-levibotd}" "$@"
SCRIPT
chmod 755 /opt/levibotd /opt/levibotd/bin/levibotd

# No overlay here: on one, a state directory bound into a unit turns stale.
mount -t tmpfs -o mode=755 tmpfs /var
mkdir -p /var/lib /var/log /var/cache
mkdir -m 1777 /var/tmp
for directory in /tmp /dev/shm; do
    mount -t tmpfs -o mode=1777 tmpfs "$directory"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/systemd/journald.conf.d /run/lock
cat >/run/systemd/journald.conf.d/test.conf <<'CONF'
[Journal]
Storage=volatile
ReadKMsg=no
ForwardToSyslog=no
RateLimitBurst=0
CONF
cat >/run/systemd/system/test.target <<'UNIT'
[Unit]
Requires=systemd-journald.service
After=systemd-journald.service
AllowIsolate=yes
UNIT

for directory in / "$SOURCE" /opt/levibotd/source /opt/levibotd/python /opt/levibotd/site; do
    if [ -e "$directory" ] && touch "$directory/.levibotd-may-write" 2>/dev/null; then
        rm -f "$directory/.levibotd-may-write"
        echo "$directory can be written from in here; this must not go on" >&2
        exit 1
    fi
done
# Nothing reaches the host, but what systemd mounts for one unit (credentials) has to reach the others here.
mount --make-rshared /
export container=test
exec ${INIT:-/lib/systemd/systemd --system --unit=test.target --log-target=journal --show-status=no}
