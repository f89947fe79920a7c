//! Every way out that was thought of, tried for real.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixListener;

use hyperion_sandbox::{Cache, Layer, Network};

use crate::driver::World;

/// Python, where it is installed, with a call of the C library.
fn syscall(number: &str, args: &str) -> String {
    format!(
        "python3 -c 'import ctypes,os,sys
c=ctypes.CDLL(None,use_errno=True)
r=c.syscall({number},{args})
print(\"allowed\" if r>=0 else os.strerror(ctypes.get_errno()))'"
    )
}

#[test]
fn files_and_sockets_of_others_do_not_exist() {
    for world in World::both() {
        let home_socket = world.at("state/hyperion.sock");
        let _listening = UnixListener::bind(&home_socket).unwrap();
        let tmux = world.at("tmux");
        let _tmux = UnixListener::bind(&tmux).unwrap();
        let secret = world.write("other-run/spec.json", "secret");
        let key = world.write("person/.key", "secret");
        let paths = [home_socket, tmux, secret, key].map(|path| path.display().to_string());
        let command = format!(
            "ls -d {} /run/user /run/dbus /var/run /home; exit 0",
            paths.join(" ")
        );
        let ran = world.run(&world.wish(), &command);
        if ran.was_full() {
            assert_eq!(ran.stdout, "", "as {}", world.user);
            assert_eq!(
                ran.stderr.matches("No such file").count(),
                8,
                "{}",
                ran.stderr
            );
        }
    }
}

#[test]
fn secrets_of_the_system_and_abstract_sockets_are_out_of_reach() {
    let name = format!("hyperion-sandbox-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _listening = UnixListener::bind_addr(&address).unwrap();
    let command = format!(
        "cat /etc/shadow; python3 -c 'import socket
try: socket.socket(socket.AF_UNIX).connect(\"\\0{name}\"); print(\"reached\")
except OSError: pass'"
    );
    for world in World::both() {
        let mut wish = world.wish();
        for network in [Network::Off, Network::On] {
            wish.network = network;
            let ran = world.run(&wish, &command);
            let said = format!("{:?}", ran.had.lacks);
            if ran.was_full() && !said.contains("abstract sockets") {
                assert_eq!(ran.stdout, "", "as {}, {network:?}", world.user);
            }
        }
    }
}

#[test]
fn processes_outside_are_neither_seen_nor_reached() {
    for world in World::both() {
        let own = std::process::id();
        let command = format!(
            "test -e /proc/{own} && echo seen; kill -0 {own} && echo reached; kill -9 1; kill -9 $PPID; ls /proc | grep -c '^[0-9]'"
        );
        let ran = world.run(&world.wish(), &command);
        if ran.was_full() {
            assert!(!ran.stdout.contains("seen"), "{}", ran.stdout);
            assert!(!ran.stdout.contains("reached"), "{}", ran.stdout);
            let processes: usize = ran.stdout.trim().parse().unwrap();
            assert!(
                processes <= 6,
                "its own alone, and the first of them cannot be killed"
            );
        }
    }
}

#[test]
fn the_network_is_loopback_alone() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    let python = format!(
        "python3 -c '
import socket
def tried(name, of):
    try: of(); print(name, True)
    except OSError as e: print(name, False)
def inside(family, address):
    s=socket.socket(family); s.bind((address,0)); s.listen()
    socket.create_connection(s.getsockname()[:2])
tried(\"v4\", lambda: inside(socket.AF_INET,\"127.0.0.1\"))
tried(\"v6\", lambda: inside(socket.AF_INET6,\"::1\"))
tried(\"host\", lambda: socket.create_connection((\"127.0.0.1\",{port}),2))
tried(\"world\", lambda: socket.create_connection((\"192.0.2.1\",80),2))
'"
    );
    let has_v6 = std::path::Path::new("/proc/net/if_inet6").exists();
    for world in World::both() {
        let ran = world.run(&world.wish(), &python);
        if ran.had.has(Layer::NetworkNamespace) && !ran.stdout.is_empty() {
            let expected = format!(
                "v4 True\nv6 {}\nhost False\nworld False\n",
                if has_v6 { "True" } else { "False" }
            );
            assert_eq!(ran.stdout, expected, "{}", ran.stderr);
            assert_eq!(ran.had.network, Network::Off);
        }
        let mut wish = world.wish();
        wish.network = Network::On;
        let ran = world.run(&wish, &python);
        assert!(
            ran.stdout.is_empty() || ran.stdout.contains("host True"),
            "{}",
            ran.stdout
        );
        assert_eq!(ran.had.network, Network::On);
    }
}

#[test]
fn a_mask_stays_on_and_what_is_read_only_stays_so() {
    for world in World::both() {
        let secret = world.write("lane/.env", "secret");
        let mut wish = world.wish();
        wish.masks = vec![secret.clone()];
        wish.read = vec![world.at("other-run")];
        let secret = secret.display();
        let command = format!(
            "umount {secret}; umount -l {secret}; mount -t tmpfs none /mnt; mount -o remount,rw /usr; cat {secret}; \
             unshare -Ur sh -c 'umount {secret}; cat {secret}'; unshare -Urm sh -c 'umount {secret}; cat {secret}'; \
             nsenter -t 1 -m cat {secret}; mv {secret} {secret}2; rm -f {secret}; echo x >> {secret}; cat {secret}; \
             touch /usr/x /etc/x /x {0}/x; echo x > /proc/sys/kernel/core_pattern; mknod /tmp/sda b 8 0; exit 0",
            world.at("other-run").display()
        );
        let ran = world.run(&wish, &command);
        if ran.was_full() {
            assert_eq!(ran.stdout, "", "as {}: {}", world.user, ran.stderr);
            assert_eq!(
                std::fs::read_to_string(world.at("lane/.env")).unwrap(),
                "secret"
            );
            assert!(!world.at("other-run/x").exists());
            let refused =
                ran.stderr.matches("Read-only").count() + ran.stderr.matches("denied").count();
            assert!(refused >= 5, "{}", ran.stderr);
        }
    }
}

#[test]
fn what_one_run_puts_in_a_cache_the_next_one_does_not_see() {
    for world in World::both() {
        let crates = world.write("person/.cargo/crate", "good");
        world.write("person/.cargo/credentials.toml", "token");
        let cache = Cache {
            path: world.at("person/.cargo"),
            upper: None,
            masks: vec!["credentials.toml".into()],
        };
        let mut wish = world.wish();
        wish.caches = vec![cache];
        let file = crates.display();
        let poison = format!(
            "cat {file}; echo bad > {file} && touch {file}2 && cat {file}; cat $HOME/.cargo/credentials.toml"
        );
        let ran = world.run(&wish, &poison);
        if !ran.was_full() {
            continue;
        }
        let can_write = ran.had.has(Layer::CacheOverlay);
        assert_eq!(
            ran.stdout,
            if can_write { "goodbad\n" } else { "good" },
            "{}",
            ran.stderr
        );
        let look = format!("cat {file}; ls {}", world.at("person/.cargo").display());
        assert_eq!(
            world.run(&wish, &look).stdout,
            "goodcrate\ncredentials.toml\n"
        );
        // A folder that takes what is written brings it to the next run of the same lineage, and to nobody else.
        wish.caches[0].upper = Some(world.at("upper"));
        let ran = world.run(&wish, &poison);
        let kept = world.run(&wish, &look).stdout;
        assert_eq!(
            world.run(&wish, &look).stdout,
            kept,
            "as often as it is mounted"
        );
        if ran.had.has(Layer::CacheOverlay) && world.run(&wish, &look).had.has(Layer::CacheOverlay)
        {
            assert_eq!(kept, "bad\ncrate\ncrate2\ncredentials.toml\n");
        }
        assert_eq!(std::fs::read_to_string(crates).unwrap(), "good");
    }
}

#[test]
fn no_rights_come_back_and_the_worst_calls_are_refused() {
    let calls = [
        ("unshare", syscall("272", "0x10000000")),
        (
            "clone with a namespace",
            syscall("56", "0x10000011,0,0,0,0"),
        ),
        ("clone3", syscall("435", "0,0")),
        ("x32 unshare", syscall("0x40000000+272", "0x10000000")),
        ("keyctl", syscall("250", "0,0,0,0,0")),
        ("bpf", syscall("321", "0,0,0")),
        ("userfaultfd", syscall("323", "0")),
        (
            "TIOCSTI",
            syscall("16", "0,ctypes.c_ulong(0xff00005412),b\"x\""),
        ),
    ];
    for world in World::both() {
        let script: Vec<&str> = calls.iter().map(|(_, call)| call.as_str()).collect();
        let command = format!(
            "grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status; {}",
            script.join("; ")
        );
        let ran = world.run(&world.wish(), &command);
        let said: Vec<&str> = ran.stdout.lines().collect();
        for line in &said[..4] {
            // Without a user namespace nobody may empty the bounding set, and it gives nothing either.
            assert!(
                line.ends_with("0000000000000000") || line.starts_with("CapBnd"),
                "{line}"
            );
        }
        assert!(said.contains(&"NoNewPrivs:\t1"), "{said:?}");
        if cfg!(target_arch = "x86_64") && said.len() == 6 + calls.len() {
            let expected: Vec<&str> = calls
                .iter()
                .map(|(name, _)| match *name {
                    "clone3" | "x32 unshare" => "Function not implemented",
                    _ => "Operation not permitted",
                })
                .collect();
            assert_eq!(said[6..], expected, "{}", ran.stderr);
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_of_32_bit_programs_do_not_go_around_the_filter() {
    // mov eax, 20 (getpid); int 0x80; ret
    let command = "python3 -c 'import ctypes,mmap
m=mmap.mmap(-1,4096,prot=7); m.write(b\"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3\")
print(\"begun\",flush=True)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()
print(\"came through\")'";
    for world in World::both() {
        let ran = world.run(&world.wish(), command);
        if ran.had.has(Layer::Seccomp) && !ran.stdout.is_empty() {
            assert_eq!(ran.stdout, "begun\n", "{}", ran.stderr);
        }
    }
}
