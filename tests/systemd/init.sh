#!/bin/bash
# The first process of the machine, root in nothing but its own namespaces: mounts what systemd needs, and becomes it.
set -eu
exec 9<&- # How root.sh came here.
umask 022
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
if grep -q '^0::' /proc/self/cgroup && [ "$(wc -l </proc/self/cgroup)" = 1 ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    cd /sys/fs/cgroup
    mkdir memory pids systemd unified
    mount -t cgroup2 cgroup2 unified
    mount -t cgroup -o none,name=systemd cgroup systemd
    mount -t cgroup -o memory cgroup memory
    mount -t cgroup -o pids cgroup pids
    cd /
fi

# Whoever may read this after a change of root.sh: it does not boot if it could do harm.
refuse() {
    echo "this must not go on: $*" >&2
    exit 1
}
read -r inner outer count </proc/self/uid_map
[ "$inner $outer $count" = "0 $FIRST_ID $IDS" ] && [ "$outer" -gt 0 ] || refuse "root in here is root outside"
while read -r _ _ device _ point options _; do
    case ",$options," in *,ro,*) continue ;; esac
    case "$point" in /proc | /sys/fs/cgroup/*) continue ;; esac # Ruled by user, and by what boot.sh gave away.
    case "$HOST_DEVICES" in *" $device "*) refuse "$point is the host's and can be written" ;; esac
done </proc/self/mountinfo
for directory in /usr /opt/source /opt/python /opt/site /sys /etc/alternatives; do
    if mount -o remount,bind,rw "$directory" 2>/dev/null; then refuse "$directory can be made writable"; fi
    if touch "$directory/.levibotd-may-write" 2>/dev/null; then refuse "$directory can be written"; fi
done
if { echo 1 >/proc/sys/vm/drop_caches; } 2>/dev/null; then refuse "settings of the kernel can be written"; fi
if { : >/proc/sysrq-trigger; } 2>/dev/null; then refuse "the host's keys can be pressed"; fi

ldconfig
ln -s /run /var/run
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id # A first boot enables all that it finds.
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
# What systemd mounts for one unit (credentials) has to reach the others here. Nothing reaches the host.
mount --make-rshared /
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=test.target --log-target=journal --show-status=no
