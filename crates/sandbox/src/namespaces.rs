//! Namespaces for users, processes and the network.

use std::fs;
use std::io;

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::thread::{
    CapabilitySet, UnshareFlags, capabilities, configure_capability_in_ambient_set,
    set_capabilities,
};

use crate::spec::{Had, Lack, Layer};

/// Takes this thread into new namespaces.
#[expect(
    deprecated,
    reason = "it is unsafe only where tables of descriptors are unshared, which nobody here does"
)]
pub(crate) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}

/// Leaves namespaces behind. What is not given is said.
pub(crate) fn unshare_all(had: &mut Had, layers: &[Layer]) {
    let facts = Facts::read();
    let mut wanted = layers.to_vec();
    match facts.refusal().map_or_else(enter_user_namespace, Err) {
        Ok(()) => had.layers.push(Layer::UserNamespace),
        Err(refusal) => {
            let why = facts.why(&refusal);
            had.lack(Layer::UserNamespace, &why);
            if !facts.may_without {
                for layer in wanted.drain(..) {
                    had.lack(layer, &format!("it needs a user namespace: {why}"));
                }
            }
        }
    }
    for layer in wanted {
        let entered = match layer {
            Layer::PidNamespace => {
                // System V memory and queues would be ways to others.
                unshare(UnshareFlags::NEWIPC | UnshareFlags::NEWPID).map_err(Refusal::from)
            }
            Layer::NetworkNamespace => unshare(UnshareFlags::NEWNET)
                .map_err(Refusal::from)
                .and_then(|()| loopback_up().map_err(Refusal::Setup)),
            _ => continue,
        };
        match entered {
            Ok(()) => had.layers.push(layer),
            Err(refusal) => had.lack(layer, &facts.why(&refusal)),
        }
    }
    // Without them the mounts fail, and say so.
    let _ = keep_rights_over_exec();
}

/// Why a namespace was not given.
#[derive(Debug)]
enum Refusal {
    /// What the call answered.
    Kernel(Errno),
    /// The namespace was given, but is of no use.
    Setup(io::Error),
    /// AppArmor would take every right away in it.
    AppArmor,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

fn enter_user_namespace() -> Result<(), Refusal> {
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    unshare(UnshareFlags::NEWUSER)?;
    let write = |file: &str, content: String| {
        fs::write(format!("/proc/self/{file}"), content).map_err(Refusal::Setup)
    };
    write("uid_map", format!("{user} {user} 1\n"))?;
    write("setgroups", "deny".to_owned())?;
    write("gid_map", format!("{group} {group} 1\n"))
}

/// A program that is started loses its rights unless they are ambient, or its user is root; the first process inside needs them
/// until it gives them up.
fn keep_rights_over_exec() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.inheritable = sets.permitted;
    set_capabilities(None, sets)?;
    for right in sets.permitted.iter() {
        configure_capability_in_ambient_set(right, true)?;
    }
    Ok(())
}

/// Takes the loopback interface up: 127.0.0.1 and, where the kernel has IPv6, `::1`.
fn loopback_up() -> io::Result<()> {
    const NEW_LINK: u16 = 16;
    const REQUEST_WITH_ANSWER: u16 = 1 | 4;
    const LOOPBACK: i32 = 1;
    const UP: u32 = 1;
    let socket: OwnedFd = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE is 0.
        None,
    )?;
    // nlmsghdr, then ifinfomsg.
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(NEW_LINK.to_ne_bytes());
    message.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    message.extend([1_u32, 0, 0].map(u32::to_ne_bytes).concat());
    message.extend(LOOPBACK.to_ne_bytes());
    message.extend([UP, UP].map(u32::to_ne_bytes).concat());
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &message, SendFlags::empty(), &kernel)?;
    let mut answer = [0_u8; 256];
    let (length, _) = rustix::net::recv(socket.as_fd(), &mut answer[..], RecvFlags::empty())?;
    // nlmsgerr: the error, negative, after the header.
    match answer.get(16..20).filter(|_| length >= 20) {
        Some(code) => match i32::from_ne_bytes([code[0], code[1], code[2], code[3]]) {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(-code)),
        },
        None => Err(io::Error::other("the kernel's answer is too short")),
    }
}

/// What the machine says about user namespaces.
#[derive(Debug, Default)]
struct Facts {
    /// `kernel.apparmor_restrict_unprivileged_userns`, and no profile that is exempt.
    apparmor_restricts: bool,
    /// `user.max_user_namespaces` is 0.
    none_allowed: bool,
    /// `kernel.unprivileged_userns_clone` is 0.
    debian_forbids: bool,
    /// System calls are filtered: a container.
    filtered: bool,
    /// It has the rights that a user namespace would give.
    may_without: bool,
}

impl Facts {
    fn read() -> Self {
        let number = |path: &str| {
            let text = fs::read_to_string(path).ok()?;
            text.trim().parse::<u64>().ok()
        };
        let may_without =
            capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
        let label = fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
        let restricts = number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1);
        Self {
            apparmor_restricts: restricts && !may_without && label.trim() == "unconfined",
            none_allowed: number("/proc/sys/user/max_user_namespaces") == Some(0),
            debian_forbids: number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0),
            filtered: rustix::thread::no_new_privs().is_ok()
                && fs::read_to_string("/proc/self/status")
                    .is_ok_and(|status| status.contains("\nSeccomp:\t2")),
            may_without,
        }
    }

    /// What would be given, but in a way that leaves the process worse than before.
    fn refusal(&self) -> Option<Refusal> {
        self.apparmor_restricts.then_some(Refusal::AppArmor)
    }

    /// Why, and what would give it.
    fn why(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::AppArmor => "AppArmor keeps user namespaces from programs without a profile: install packaging/apparmor/hyperion (docs/sandbox.md)".to_owned(),
            Refusal::Kernel(_) if self.none_allowed => {
                "user namespaces are switched off: `sysctl user.max_user_namespaces=15000`".to_owned()
            }
            Refusal::Kernel(Errno::NOSPC) => {
                "too many namespaces exist: raise `sysctl user.max_user_namespaces` and its like".to_owned()
            }
            Refusal::Kernel(_) if self.debian_forbids && !self.may_without => {
                "user namespaces are switched off: `sysctl kernel.unprivileged_userns_clone=1`".to_owned()
            }
            Refusal::Kernel(Errno::INVAL | Errno::NOSYS) => {
                "this kernel is built without these namespaces".to_owned()
            }
            Refusal::Kernel(Errno::PERM) if self.filtered => {
                "the container's filter of system calls forbids it: start the container with `--security-opt seccomp=unconfined`, or with a profile that allows unshare and mount".to_owned()
            }
            Refusal::Kernel(errno) => format!("the kernel refused it: {}", io::Error::from(*errno)),
            Refusal::Setup(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                format!("it was given without rights in it, as AppArmor does it: {error}")
            }
            Refusal::Setup(error) => format!("it could not be set up: {error}"),
        }
    }
}

impl Had {
    /// Notes what is missing.
    pub(crate) fn lack(&mut self, layer: Layer, why: &str) {
        let why = why.to_owned();
        self.lacks.push(Lack { layer, why });
    }

    /// Whether a layer was had.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_would_help() {
        let eperm = Refusal::Kernel(Errno::PERM);
        let none_allowed = Facts {
            none_allowed: true,
            ..Facts::default()
        };
        assert!(none_allowed.why(&eperm).contains("max_user_namespaces"));
        let filtered = Facts {
            filtered: true,
            ..Facts::default()
        };
        assert!(filtered.why(&eperm).contains("seccomp=unconfined"));
        let debian = Facts {
            debian_forbids: true,
            ..Facts::default()
        };
        assert!(debian.why(&eperm).contains("unprivileged_userns_clone=1"));
        let apparmor = Facts {
            apparmor_restricts: true,
            ..Facts::default()
        };
        let refusal = apparmor.refusal().unwrap();
        assert!(
            apparmor
                .why(&refusal)
                .contains("packaging/apparmor/hyperion")
        );
    }
}
