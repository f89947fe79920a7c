//! The system calls that nothing inside a sandbox needs, and that would be ways out.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

/// Refused with "operation not permitted", whatever the arguments.
const REFUSED: &[i64] = &[
    // The kernel itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    // Parts of the kernel that were the way of most break-outs.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Keys belong to the user, not to a namespace.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Opens a file that no path leads to.
    libc::SYS_open_by_handle_at,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
];
/// `open_tree_attr`, the same number everywhere; newer than the constants.
const OPEN_TREE_ATTR: i64 = 467;
/// Only x86 has them.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[libc::SYS_iopl, libc::SYS_ioperm];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// The flags of `clone` and `unshare` that make namespaces. A new user namespace gives rights back.
const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;
/// The requests of `ioctl` that type into somebody's terminal.
const TYPING: [u64; 2] = [0x5412, 0x541C];

/// The first number of the x32 calls, which do the same under other numbers.
const X32: u32 = 0x4000_0000;

/// Refuses them for this process and all that it starts.
pub(crate) fn refuse_the_worst() -> Result<(), String> {
    let program = program().map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| {
        use std::error::Error as _;
        let cause = error.source().map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    })
}

fn program() -> Result<BpfProgram, seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules()?, SeccompAction::Allow, refusal, arch)?;
    let filter: BpfProgram = filter.try_into()?;
    let mut program = unknown_calls();
    program.extend(filter);
    Ok(program)
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    // One rule a flag: a rule holds if all its conditions do.
    let flags = (0..32)
        .map(|bit| 1_u64 << bit)
        .filter(|flag| flag & NAMESPACES != 0)
        .map(|flag| matches(0, SeccompCmpOp::MaskedEq(flag), flag))
        .collect::<Result<Vec<_>, _>>()?;
    // CLONE_NEWTIME has no bit of its own in `clone`.
    let time = libc::CLONE_NEWTIME as u64;
    let mut unshare = flags.clone();
    unshare.push(matches(0, SeccompCmpOp::MaskedEq(time), time)?);
    rules.insert(libc::SYS_clone, flags);
    rules.insert(libc::SYS_unshare, unshare);
    let typing = TYPING
        .iter()
        .map(|request| matches(1, SeccompCmpOp::Eq, *request))
        .collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_ioctl, typing);
    Ok(rules)
}

/// The kernel looks at 32 bits of these arguments, so the upper half must not count.
fn matches(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::Error> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// "No such call" for `clone3`, whose flags no filter can see (libraries then take `clone`), and for all x32 calls.
///
/// Other architectures than the machine's own, such as 32-bit programs, are ended by what follows.
fn unknown_calls() -> BpfProgram {
    const LOAD: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const JUMP_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    let line = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap_or(435);
    vec![
        line(LOAD, 0, 0, 0),
        line(JUMP_EQUAL, 1, 0, clone3),
        line(JUMP_AT_LEAST, 0, 1, X32),
        line(RETURN, 0, 0, ERRNO | libc::ENOSYS.unsigned_abs()),
    ]
}
