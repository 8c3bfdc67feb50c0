#!/bin/sh
# boot.sh INSTALLED ROOT CGROUP: becomes systemd, the first process of the namespaces (mount, PID, UTS, IPC, network) that it was
# started in. It sees this machine's /usr and nothing else of it; what it writes there is its own. INSTALLED is the DESTDIR of
# `make install`, which becomes its /usr/local and /etc; ROOT is an empty folder for its root; CGROUP is a cgroup of its own.
set -eu
installed=$1 root=$2 cgroup=$3

if [ -z "${INSIDE-}" ]; then
	echo 0 >"$cgroup/cgroup.procs"
	INSIDE=1 exec unshare --cgroup "$0" "$@" # the current cgroup becomes the root
fi

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=128m tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd/system proc sys dev run tmp var/log var/tmp root
chmod 1777 tmp var/tmp
for link in bin sbin lib lib64; do [ ! -L /$link ] || cp -a /$link $link; done
mkdir -p usr-changed usr-work
mount -t overlay -o lowerdir=/usr,upperdir=usr-changed,workdir=usr-work overlay usr
mount -t tmpfs -o mode=755,size=128m tmpfs usr/local
cp -a "$installed/usr/local/." usr/local
cp -a "$installed/etc/." etc
chown -R 0:0 etc usr/local
echo 0123456789abcdef0123456789abcdef >etc/machine-id
echo 'root:x:0:0::/root:/bin/sh' >etc/passwd
echo 'root:x:0:' >etc/group
: >etc/resolv.conf
ln -s /dev/null etc/systemd/system/systemd-logind.service

# Whatever could change this machine is read-only.
mount -t proc proc proc
for path in proc/sys proc/sysrq-trigger; do
	[ ! -e $path ] || { mount --bind $path $path && mount -o remount,bind,ro $path; }
done
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,size=1m tmpfs dev
for device in null zero full random urandom tty; do
	: >dev/$device
	mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t tmpfs -o size=1m tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755,size=64m tmpfs run

mkdir old
pivot_root . old
umount -l /old
rmdir /old
for init in /usr/lib/systemd/systemd /lib/systemd/systemd; do
	[ ! -x $init ] || exec env -i container=check PATH=/usr/bin:/usr/sbin:/bin:/sbin \
		setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-syslog,-mac_admin,-mac_override,-block_suspend,-wake_alarm \
		$init --system --unit=multi-user.target --log-target=journal --show-status=0
done
echo 'there is no systemd' >&2
exit 1
