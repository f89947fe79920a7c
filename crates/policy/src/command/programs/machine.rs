//! The machine: what asks it about itself, what changes it, what destroys it; and Hyperion itself.

use hyperion_model::Level;

use super::{Does, Family, Operands, Program};
use crate::command::call::Call;
use crate::command::judge::Judge;

pub(super) const PROGRAMS: &[Program] = &[
    Program::reads(&["whoami", "logname", "arch", "tty", "nproc", "locale", "lscpu", "uptime"], "-a -p -s --all --pretty", Operands::Nothing),
    Program::reads(&["hostname"], "-a -d -f -i -I -s --fqdn --short", Operands::Nothing),
    Program::reads(&["id", "groups"], "-g -G -n -r -u -z", Operands::Text),
    Program::reads(&["uname"], "-a -i -m -n -o -p -r -s -v --all", Operands::Nothing),
    Program::reads(&["free"], "-b -g -h -k -m -t -w --human --total", Operands::Nothing),
    Program::reads(&["date"], "-d=t -I? -R -r=n -u --date=t --iso-8601? --reference=n --rfc-3339=t --rfc-email --utc !-f=r !-s=t !--file=r !--set=t", Operands::Text)
        .checked(date),
    Program::reads(&["cal", "getconf"], "-# -1 -3 -m -y", Operands::Text),
    Program::reads(
        &["ps"],
        "-A -a -C=t -e -f -F -H -l -L -o=t -p=t -T -u=t -w -x --forest --no-headers --pid=t --ppid=t --sort=t",
        Operands::Text,
    )
    .checked(processes),
    Program::reads(&["man"], "-f -k", Operands::Text).checked(manual),
    Program::new(&["printenv", "set", "export", "declare", "typeset", "readonly", "local"], Does::Changes("shows or changes variables, secrets among them"), "", Operands::Kept)
        .checked(variables),
    Program::new(
        &[
            "unset", "shopt", "enable", "hash", "bind", "complete", "compgen", "mapfile", "readarray", "let", "unalias", "ulimit", "umask",
            "history", "fc", "getopts", "caller",
        ],
        Does::Changes("changes the shell that the rest runs in"),
        "",
        Operands::Kept,
    )
    .checked(variables),
    Program::new(&["read", "select", "wait", "fg", "bg", "jobs", "suspend"], Does::Changes("waits, or takes what is not known"), "", Operands::Kept)
        .checked(variables),
    Program::new(&["kill"], Does::Changes("ends processes"), "-# -l -L -n=t -s=t", Operands::Kept).checked(kill),
    Program::new(&["pkill", "killall", "xkill", "fuser"], Does::Changes("ends processes"), "", Operands::Kept),
    Program::new(
        &["at", "batch", "tmux", "screen", "byobu", "daemonize", "systemd-run", "start-stop-daemon"],
        Does::Changes("starts what goes on when the command has ended"),
        "",
        Operands::Kept,
    ),
    Program::new(
        &[
            "mount", "umount", "apt", "apt-get", "aptitude", "dpkg", "dnf", "yum", "rpm", "pacman", "apk", "brew", "snap", "flatpak",
            "crontab", "useradd", "userdel", "usermod", "groupadd", "passwd", "chpasswd", "visudo", "iptables", "ip6tables",
            "nft", "ufw", "sysctl", "modprobe", "insmod", "rmmod", "swapoff", "swapon", "chroot", "unshare", "nsenter",
            "setcap", "setfacl", "chattr", "ip", "ifconfig", "route", "service", "launchctl", "docker", "podman", "buildah",
            "nerdctl", "ctr", "kubectl", "helm", "terraform", "ansible", "ansible-playbook", "vagrant", "virsh", "lxc",
            "update-alternatives", "loginctl", "hostnamectl", "timedatectl",
        ],
        Does::Rules("changes the machine, or what runs on it"),
        "",
        Operands::Kept,
    ),
    Program::new(
        &[
            "mkfs", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mkfs.vfat", "mkfs.fat", "mkfs.ntfs", "mke2fs", "mkswap",
            "wipefs", "fdisk", "sfdisk", "cfdisk", "gdisk", "sgdisk", "parted", "blkdiscard", "hdparm", "cryptsetup",
            "lvremove", "vgremove", "pvremove", "mdadm", "zpool",
        ],
        Does::Never("destroys what is on a disk"),
        "",
        Operands::Kept,
    ),
    Program::new(
        &["shutdown", "reboot", "poweroff", "halt", "init", "telinit", "kexec"],
        Does::Never("stops the machine"),
        "",
        Operands::Kept,
    ),
];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        names: &["systemctl"],
        options: "-q -l --user --system --no-pager --no-legend --plain --quiet",
        commands: &[Program::new(
            &[
                "poweroff",
                "reboot",
                "halt",
                "kexec",
                "suspend",
                "hibernate",
                "rescue",
                "emergency",
                "isolate",
                "soft-reboot",
            ],
            Does::Never("stops the machine"),
            "",
            Operands::Kept,
        )],
        otherwise: Does::Rules("changes what runs on the machine"),
        check: None,
    },
    Family {
        names: &["hyperion"],
        options: "--home=n --format=t",
        commands: &[
            Program::reads(
                &["policy"],
                "--command=t --path=t --diff=r --repo=t --format=t --rules=r --root=n --class=t --write",
                Operands::Text,
            ),
            Program::new(
                &["approval"],
                Does::Never("decides for people: nobody does that through an agent"),
                "",
                Operands::Kept,
            ),
            Program::new(
                &["config", "user", "token", "restore", "host", "up"],
                Does::Never(
                    "changes what Hyperion itself goes by: nobody does that through an agent",
                ),
                "",
                Operands::Kept,
            ),
        ],
        otherwise: Does::Changes("acts through Hyperion"),
        check: None,
    },
];

/// `date` sets the clock when its operand is no format.
fn date(judge: &mut Judge<'_>, call: &Call) {
    if call
        .operands
        .iter()
        .any(|word| !word.pattern.starts_with('+'))
    {
        judge.ask(Level::Admin, "command.rights", "`date` sets the clock");
    }
    for word in &call.operands {
        judge.width("date", &word.pattern);
    }
}

/// `ps` shows variables, and with them secrets, when it is asked to.
fn processes(judge: &mut Judge<'_>, call: &Call) {
    let bsd = call.operands.iter().all(|word| {
        word.literal
            .as_deref()
            .is_some_and(|text| text.chars().all(|c| "auxfjlw".contains(c)))
    });
    let columns = call
        .values(&["-o"])
        .any(|word| word.pattern.contains("env"));
    if !bsd || columns {
        judge.ask(
            Level::TeamLead,
            "command.secrets",
            "`ps` may show the variables of other programs",
        );
    }
}

/// `man` reads a page by its name; by its path it reads any file.
fn manual(judge: &mut Judge<'_>, call: &Call) {
    if call.operands.iter().any(|word| word.pattern.contains('/')) {
        judge.ask(Level::TeamLead, "command.program", "`man` formats a file");
    }
}

/// Builtins that take names apart: what they do is not looked into.
fn variables(judge: &mut Judge<'_>, call: &Call) {
    judge.secrets(&call.operands);
    judge.unclear(
        "shell.variable",
        "it changes what the rest of the command does",
    );
}

/// `kill`: not everything, and not what everything hangs on.
fn kill(judge: &mut Judge<'_>, call: &Call) {
    let all = |word: &crate::command::word::Word| {
        matches!(word.literal.as_deref(), Some("1" | "0" | "-1"))
    };
    let last = call.given.last().is_some_and(|given| {
        given.name == "-#" && call.given.len() > 1 && given.values.iter().any(|(_, word)| all(word))
    });
    if call.operands.iter().any(all) || last {
        judge.deny("command.forbidden", "`kill` would end everything there is");
    }
}
