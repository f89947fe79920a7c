/*
 * Records the file system calls of a process and of all it starts; makes them fail on request.
 *
 * Preloaded into the program under test (`LD_PRELOAD`), also through an exec with an environment of its own.
 *
 *   POWER_TRACE  the file that records are appended to, one writev each, so that they never mix
 *   POWER_ROOT   only files below this folder count
 *   POWER_FAULT  a small file of counters, mapped by every process: see `struct fault`
 *   POWER_BOOT   stands in for /proc/sys/kernel/random/boot_id
 *
 * A call is recorded after it was made, and nothing is locked over the two: who saw a call of another thread or process
 * return also finds it earlier in the trace, and calls that really overlap may be ordered either way. Names are recorded
 * with the inode they led to, so that an unlink that is recorded late does not take away somebody's newer file. A sync
 * is two records; it covers what was recorded before the first.
 *
 * What is written through a mapping is not seen. Of the C library's own streams (`fopen`) the whole file is recorded
 * when they are flushed or closed. The reader of the trace compares its end with the real folder, and so finds out if
 * anything was missed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* The kernel's own, so that no header decides about its shape. */
struct stamp { int64_t sec; uint32_t nsec; int32_t pad; };
struct facts {
    uint32_t mask, blksize; uint64_t attributes; uint32_t nlink, uid, gid; uint16_t mode, pad1;
    uint64_t ino, size, blocks, attributes_mask; struct stamp atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor; uint64_t more[14];
};

/* An inode number is used again; with the time of its birth it is not. */
struct id { uint64_t ino, born; };

struct record {
    uint32_t magic; uint8_t kind, flag; uint16_t name, name2; uint16_t pad; uint32_t mode, pid;
    struct id id, dir, dir2;
    uint64_t offset, payload;
} __attribute__((packed));

enum { OFF = 0, FULL = 1, SYNC_FAILS = 2, GIT_DIES = 3, ENGINE_DIES = 4 };

/* Counters that the test reads and sets by ordinary reads and writes of the file. */
struct fault {
    uint64_t mode;   /* what goes wrong */
    uint64_t at;     /* at which call that counts, from 1; 0: only count */
    uint64_t lasts;  /* 1: from there on all of them, 0: only that one */
    uint64_t count;  /* how many there were */
    uint64_t fired;  /* how many of them went wrong */
    char path[216];  /* only syncs of what has a path with this end; empty: all */
};

static char trace_path[PATH_MAX], root[PATH_MAX], boot_path[PATH_MAX];
static size_t root_length;
static int trace_fd = -1;
static volatile struct fault *fault;
static uint64_t token_counter;

#define KEPT_MAX 6
static char kept[KEPT_MAX][PATH_MAX + 32];
static int kept_count;

static int raw_open(const char *path, int flags, int mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    static const char *names[] = {"LD_PRELOAD", "POWER_TRACE", "POWER_ROOT", "POWER_FAULT", "POWER_BOOT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && kept_count < KEPT_MAX)
            snprintf(kept[kept_count++], sizeof kept[0], "%s=%s", names[i], value);
    }
    const char *value;
    if ((value = getenv("POWER_TRACE"))) snprintf(trace_path, sizeof trace_path, "%s", value);
    if ((value = getenv("POWER_BOOT"))) snprintf(boot_path, sizeof boot_path, "%s", value);
    if ((value = getenv("POWER_ROOT"))) snprintf(root, sizeof root, "%s", value);
    root_length = strlen(root);
    if ((value = getenv("POWER_FAULT"))) {
        int fd = raw_open(value, O_RDWR | O_CLOEXEC, 0);
        if (fd >= 0) {
            void *at = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (at != MAP_FAILED) fault = at;
            close(fd);
        }
    }
}

/* ---- looking at files ---- */

static int look(int at, const char *path, int flags, struct facts *facts) {
    /* type, mode, inode, size, birth */
    return (int)syscall(SYS_statx, at, path, flags, 0x1 | 0x2 | 0x100 | 0x200 | 0x800, facts);
}

static struct id id_of(const struct facts *facts) {
    struct id id = {facts->ino, 0};
    if (facts->mask & 0x800) id.born = (uint64_t)facts->btime.sec * 1000000000u + facts->btime.nsec;
    return id;
}

static int is_below(const char *path) {
    return root_length && strncmp(path, root, root_length) == 0
        && (path[root_length] == '/' || path[root_length] == 0);
}

static int fd_is_below(int fd) {
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* A regular file below the root. */
static int is_ours(int fd, struct facts *facts) {
    if (fd < 0 || !root_length) return 0;
    int before = errno;
    int ours = look(fd, "", AT_EMPTY_PATH, facts) == 0 && (facts->mode & S_IFMT) == S_IFREG && fd_is_below(fd);
    errno = before;
    return ours;
}

/* A place in a folder: which folder, which name. */
struct place { struct id dir; char name[NAME_MAX + 1]; int ours; };

static void find(int at, const char *path, struct place *place) {
    char folder[PATH_MAX];
    int before = errno;
    memset(place, 0, sizeof *place);
    size_t length = path ? strnlen(path, PATH_MAX) : 0;
    while (length > 1 && path[length - 1] == '/') length--;
    if (!root_length || length == 0 || length >= PATH_MAX) return;
    memcpy(folder, path, length);
    folder[length] = 0;
    char *slash = strrchr(folder, '/');
    const char *name = slash ? slash + 1 : folder;
    if (strlen(name) > NAME_MAX) return;
    strcpy(place->name, name);
    if (!slash) strcpy(folder, ".");
    else if (slash == folder) folder[1] = 0;
    else *slash = 0;
    int fd = (int)syscall(SYS_openat, at, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0) {
        struct facts facts;
        if (fd_is_below(fd) && look(fd, "", AT_EMPTY_PATH, &facts) == 0) {
            place->ours = 1;
            place->dir = id_of(&facts);
        }
        syscall(SYS_close, fd);
    }
    errno = before;
}

/* ---- writing records ---- */

#define PARTS_MAX 1028

static void append(struct record *record, const char *name, const char *name2, const struct iovec *parts, int count) {
    if (!trace_path[0]) return;
    int before = errno;
    struct iovec all[PARTS_MAX];
    int used = 0;
    record->magic = 0x52575048;
    record->pid = (uint32_t)getpid();
    record->name = name ? (uint16_t)strlen(name) : 0;
    record->name2 = name2 ? (uint16_t)strlen(name2) : 0;
    record->payload = 0;
    all[used++] = (struct iovec){record, sizeof *record};
    if (record->name) all[used++] = (struct iovec){(void *)name, record->name};
    if (record->name2) all[used++] = (struct iovec){(void *)name2, record->name2};
    for (int i = 0; i < count && used < PARTS_MAX; i++) {
        all[used++] = parts[i];
        record->payload += parts[i].iov_len;
    }
    for (int attempt = 0; attempt < 2; attempt++) {
        if (trace_fd < 0) {
            int fd = raw_open(trace_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
            if (fd < 0) break;
            int high = fcntl(fd, F_DUPFD_CLOEXEC, 700);
            if (high >= 0) { syscall(SYS_close, fd); trace_fd = high; } else trace_fd = fd;
        }
        if (syscall(SYS_writev, trace_fd, all, used) >= 0) break;
        trace_fd = -1;
    }
    errno = before;
}

static void record_data(const struct facts *facts, uint64_t offset, const struct iovec *parts, int count, size_t done) {
    struct iovec taken[PARTS_MAX];
    int used = 0;
    for (int i = 0; i < count && done > 0 && used < PARTS_MAX - 4; i++) {
        taken[used] = parts[i];
        if (taken[used].iov_len > done) taken[used].iov_len = done;
        done -= taken[used++].iov_len;
    }
    struct record record = {.kind = 'W', .id = id_of(facts), .offset = offset, .mode = facts->mode};
    append(&record, NULL, NULL, taken, used);
}

static void record_length(int fd) {
    struct facts facts;
    if (!is_ours(fd, &facts)) return;
    struct record record = {.kind = 'T', .id = id_of(&facts), .offset = facts.size, .mode = facts.mode};
    append(&record, NULL, NULL, NULL, 0);
}

/* Reads back what is in the file now; kind 'F' stands for all of it. */
static void record_content(int fd, uint64_t offset, uint64_t length, int whole) {
    struct facts facts;
    char link[40];
    if (!is_ours(fd, &facts)) return;
    int before = errno;
    if (whole) { offset = 0; length = facts.size; }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int again = raw_open(link, O_RDONLY | O_CLOEXEC, 0);
    char *bytes = malloc(length ? length : 1);
    if (again >= 0 && bytes) {
        ssize_t got = (ssize_t)syscall(SYS_pread64, again, bytes, length, offset);
        struct iovec part = {bytes, got > 0 ? (size_t)got : 0};
        struct record record = {.kind = whole ? 'F' : 'W', .id = id_of(&facts), .offset = offset, .mode = facts.mode};
        append(&record, NULL, NULL, &part, 1);
    }
    free(bytes);
    if (again >= 0) syscall(SYS_close, again);
    errno = before;
}

static void record_name(const struct place *place, const struct facts *facts, const char *target) {
    struct iovec part = {(void *)target, target ? strlen(target) : 0};
    struct record record = {.kind = 'N', .id = id_of(facts), .dir = place->dir, .mode = facts->mode};
    append(&record, place->name, NULL, &part, target ? 1 : 0);
}

static uint64_t record_sync(char kind, const struct facts *facts, uint64_t token, int fd) {
    char link[40], path[PATH_MAX] = "";
    if (fd >= 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
    }
    if (!token) token = ((uint64_t)getpid() << 32) | (uint32_t)__atomic_add_fetch(&token_counter, 1, __ATOMIC_RELAXED);
    struct record record = {.kind = (uint8_t)kind, .flag = 1, .offset = token};
    if (facts) { record.id = id_of(facts); record.mode = facts->mode; }
    append(&record, path, NULL, NULL, 0);
    return token;
}

/* ---- things going wrong ---- */

static int hits(uint64_t mode) {
    if (!fault || fault->mode != mode) return 0;
    uint64_t count = __atomic_add_fetch(&fault->count, 1, __ATOMIC_SEQ_CST);
    if (fault->at == 0 || count < fault->at || (count > fault->at && !fault->lasts)) return 0;
    __atomic_add_fetch(&fault->fired, 1, __ATOMIC_SEQ_CST);
    return 1;
}

static int is_named(const char *name) {
    return strncmp(program_invocation_short_name, name, strlen(name)) == 0;
}

static int dies(void) {
    return (is_named("git") && hits(GIT_DIES)) || (is_named("hyperion") && hits(ENGINE_DIES));
}

/* Before each call that takes room: 1 if it has to fail, with errno set. Death is a kill, as nothing else is sudden. */
static int goes_wrong(void) {
    if (!fault) return 0;
    if (hits(FULL)) { errno = ENOSPC; return 1; }
    if (dies()) syscall(SYS_kill, getpid(), SIGKILL);
    return 0;
}

static int place_goes_wrong(int at, const char *path) {
    if (!fault || fault->mode == OFF || fault->mode == SYNC_FAILS) return 0;
    struct place place;
    find(at, path, &place);
    return place.ours && goes_wrong();
}

static int fd_goes_wrong(int fd) {
    struct facts facts;
    return fault && fault->mode != OFF && fault->mode != SYNC_FAILS && is_ours(fd, &facts) && goes_wrong();
}

/* A killed process leaves half of what it was writing. */
static int half_goes_wrong(int fd, const void *bytes, size_t length) {
    struct facts facts;
    if (!fault || fault->mode == OFF || fault->mode == SYNC_FAILS || !is_ours(fd, &facts)) return 0;
    if (hits(FULL)) { errno = ENOSPC; return 1; }
    if (dies()) {
        syscall(SYS_write, fd, bytes, length / 2);
        syscall(SYS_kill, getpid(), SIGKILL);
    }
    return 0;
}

/* ---- opening ---- */

static const char *instead(const char *path) {
    return boot_path[0] && path && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 ? boot_path : path;
}

static int opening(int at, const char *path, int flags, mode_t mode) {
    path = instead(path);
    struct facts facts;
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    int before = errno;
    int is_new = (flags & O_CREAT) && look(at, path, 0, &facts) != 0;
    errno = before;
    if (is_new && place_goes_wrong(at, path)) return -1;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    if (fd < 0 || !writes || !is_ours(fd, &facts)) return fd;
    if (is_new) {
        struct place place;
        find(at, path, &place);
        if (place.ours) record_name(&place, &facts, NULL);
    } else if (flags & O_TRUNC) {
        record_length(fd);
    }
    return fd;
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); \
    }

PUBLIC int open(const char *path, int flags, ...) { MODE_OF(flags) return opening(AT_FDCWD, path, flags, mode); }
PUBLIC int open64(const char *path, int flags, ...) { MODE_OF(flags) return opening(AT_FDCWD, path, flags, mode); }
PUBLIC int openat(int at, const char *path, int flags, ...) { MODE_OF(flags) return opening(at, path, flags, mode); }
PUBLIC int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags) return opening(at, path, flags, mode); }
PUBLIC int __open_2(const char *path, int flags) { return opening(AT_FDCWD, path, flags, 0); }
PUBLIC int __open64_2(const char *path, int flags) { return opening(AT_FDCWD, path, flags, 0); }
PUBLIC int __openat_2(int at, const char *path, int flags) { return opening(at, path, flags, 0); }
PUBLIC int __openat64_2(int at, const char *path, int flags) { return opening(at, path, flags, 0); }
PUBLIC int creat(const char *path, mode_t mode) { return opening(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
PUBLIC int creat64(const char *path, mode_t mode) { return opening(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* Opened by us, so that it is seen. */
static FILE *streaming(const char *path, const char *mode) {
    int flags = mode[0] == 'r' ? O_RDONLY : mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : O_WRONLY | O_CREAT | O_APPEND;
    if (strchr(mode, '+')) flags = (flags & ~O_ACCMODE) | O_RDWR;
    if (strchr(mode, 'x')) flags |= O_EXCL;
    if (strchr(mode, 'e')) flags |= O_CLOEXEC;
    int fd = opening(AT_FDCWD, path, flags, 0666);
    if (fd < 0) return NULL;
    FILE *stream = fdopen(fd, mode);
    if (!stream) syscall(SYS_close, fd);
    return stream;
}
PUBLIC FILE *fopen(const char *path, const char *mode) { return streaming(path, mode); }
PUBLIC FILE *fopen64(const char *path, const char *mode) { return streaming(path, mode); }

static int stream_writes(FILE *stream) {
    int before = errno;
    int fd = stream ? fileno(stream) : -1;
    int flags = fd >= 0 ? fcntl(fd, F_GETFL) : 0;
    struct facts facts;
    int writes = fd > 2 && (flags & O_ACCMODE) != O_RDONLY && is_ours(fd, &facts);
    errno = before;
    return writes;
}
PUBLIC int fflush(FILE *stream) {
    REAL(fflush);
    int done = real(stream);
    if (stream_writes(stream)) record_content(fileno(stream), 0, 0, 1);
    return done;
}
PUBLIC int fclose(FILE *stream) {
    REAL(fclose);
    if (stream_writes(stream)) fflush(stream);
    return real(stream);
}

/* ---- content ---- */

static off_t position(int fd) { return (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR); }

PUBLIC ssize_t write(int fd, const void *bytes, size_t length) {
    struct facts facts;
    if (half_goes_wrong(fd, bytes, length)) return -1;
    ssize_t done = (ssize_t)syscall(SYS_write, fd, bytes, length);
    if (done > 0 && is_ours(fd, &facts)) {
        struct iovec part = {(void *)bytes, length};
        record_data(&facts, (uint64_t)(position(fd) - done), &part, 1, (size_t)done);
    }
    return done;
}
static ssize_t writing_at(int fd, const void *bytes, size_t length, off_t offset) {
    struct facts facts;
    if (fd_goes_wrong(fd)) return -1;
    ssize_t done = (ssize_t)syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (done > 0 && is_ours(fd, &facts)) {
        struct iovec part = {(void *)bytes, length};
        record_data(&facts, (uint64_t)offset, &part, 1, (size_t)done);
    }
    return done;
}
PUBLIC ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return writing_at(fd, bytes, length, offset); }
PUBLIC ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return writing_at(fd, bytes, length, offset); }
PUBLIC ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct facts facts;
    if (fd_goes_wrong(fd)) return -1;
    ssize_t done = (ssize_t)syscall(SYS_writev, fd, parts, count);
    if (done > 0 && is_ours(fd, &facts)) record_data(&facts, (uint64_t)(position(fd) - done), parts, count, (size_t)done);
    return done;
}
static ssize_t writing_parts_at(int fd, const struct iovec *parts, int count, off_t offset) {
    struct facts facts;
    if (fd_goes_wrong(fd)) return -1;
    ssize_t done = (ssize_t)syscall(SYS_pwritev, fd, parts, count, (long)offset, 0L);
    if (done > 0 && is_ours(fd, &facts)) record_data(&facts, (uint64_t)offset, parts, count, (size_t)done);
    return done;
}
PUBLIC ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return writing_parts_at(fd, parts, count, offset); }
PUBLIC ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return writing_parts_at(fd, parts, count, offset); }

PUBLIC ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    if (fd_goes_wrong(to)) return -1;
    ssize_t done = (ssize_t)syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
    if (done > 0) record_content(to, (uint64_t)((to_at ? *to_at : position(to)) - done), (uint64_t)done, 0);
    return done;
}
static ssize_t sending(int to, int from, off_t *offset, size_t length) {
    if (fd_goes_wrong(to)) return -1;
    ssize_t done = (ssize_t)syscall(SYS_sendfile, to, from, offset, length);
    struct facts facts;
    if (done > 0 && is_ours(to, &facts)) record_content(to, (uint64_t)(position(to) - done), (uint64_t)done, 0);
    return done;
}
PUBLIC ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sending(to, from, offset, length); }
PUBLIC ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) { return sending(to, from, offset, length); }

static int cutting(int fd, off_t length) {
    struct facts facts;
    if (fault && fault->mode != OFF && is_ours(fd, &facts) && (uint64_t)length > facts.size && goes_wrong()) return -1;
    int done = (int)syscall(SYS_ftruncate, fd, length);
    if (done == 0) record_length(fd);
    return done;
}
PUBLIC int ftruncate(int fd, off_t length) { return cutting(fd, length); }
PUBLIC int ftruncate64(int fd, off64_t length) { return cutting(fd, length); }
static int cutting_path(const char *path, off_t length) {
    int fd = raw_open(path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return -1;
    int done = cutting(fd, length);
    int why = errno;
    syscall(SYS_close, fd);
    errno = why;
    return done;
}
PUBLIC int truncate(const char *path, off_t length) { return cutting_path(path, length); }
PUBLIC int truncate64(const char *path, off64_t length) { return cutting_path(path, length); }

static int reserving(int fd, int mode, off_t offset, off_t length) {
    if (fd_goes_wrong(fd)) return -1;
    int done = (int)syscall(SYS_fallocate, fd, mode, offset, length);
    if (done == 0) record_length(fd);
    return done;
}
PUBLIC int fallocate(int fd, int mode, off_t offset, off_t length) { return reserving(fd, mode, offset, length); }
PUBLIC int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return reserving(fd, mode, offset, length); }
PUBLIC int posix_fallocate(int fd, off_t offset, off_t length) { return reserving(fd, 0, offset, length) == 0 ? 0 : errno; }
PUBLIC int posix_fallocate64(int fd, off64_t offset, off64_t length) { return reserving(fd, 0, offset, length) == 0 ? 0 : errno; }

/* ---- names ---- */

static int renaming(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    struct place old, new;
    struct facts facts;
    if (place_goes_wrong(to_at, to)) return -1;
    find(from_at, from, &old);
    find(to_at, to, &new);
    int done = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (done == 0 && (old.ours || new.ours) && look(to_at, to, AT_SYMLINK_NOFOLLOW, &facts) == 0) {
        struct record record = {.kind = 'R', .flag = (uint8_t)flags, .id = id_of(&facts), .dir = old.dir, .dir2 = new.dir, .mode = facts.mode};
        int before = errno;
        append(&record, old.name, new.name, NULL, 0);
        errno = before;
    }
    return done;
}
PUBLIC int rename(const char *from, const char *to) { return renaming(AT_FDCWD, from, AT_FDCWD, to, 0); }
PUBLIC int renameat(int from_at, const char *from, int to_at, const char *to) { return renaming(from_at, from, to_at, to, 0); }
PUBLIC int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) { return renaming(from_at, from, to_at, to, flags); }

static void named(int at, const char *path, const char *target) {
    struct place place;
    struct facts facts;
    int before = errno;
    find(at, path, &place);
    if (place.ours && look(at, path, AT_SYMLINK_NOFOLLOW, &facts) == 0) record_name(&place, &facts, target);
    errno = before;
}
static int linking(int from_at, const char *from, int to_at, const char *to, int flags) {
    if (place_goes_wrong(to_at, to)) return -1;
    int done = (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (done == 0) named(to_at, to, NULL);
    return done;
}
PUBLIC int link(const char *from, const char *to) { return linking(AT_FDCWD, from, AT_FDCWD, to, 0); }
PUBLIC int linkat(int from_at, const char *from, int to_at, const char *to, int flags) { return linking(from_at, from, to_at, to, flags); }
static int pointing(const char *target, int at, const char *path) {
    if (place_goes_wrong(at, path)) return -1;
    int done = (int)syscall(SYS_symlinkat, target, at, path);
    if (done == 0) named(at, path, target);
    return done;
}
PUBLIC int symlink(const char *target, const char *path) { return pointing(target, AT_FDCWD, path); }
PUBLIC int symlinkat(const char *target, int at, const char *path) { return pointing(target, at, path); }
static int making(int at, const char *path, mode_t mode) {
    if (place_goes_wrong(at, path)) return -1;
    int done = (int)syscall(SYS_mkdirat, at, path, mode);
    if (done == 0) named(at, path, NULL);
    return done;
}
PUBLIC int mkdir(const char *path, mode_t mode) { return making(AT_FDCWD, path, mode); }
PUBLIC int mkdirat(int at, const char *path, mode_t mode) { return making(at, path, mode); }

static int unlinking(int at, const char *path, int flags) {
    struct place place;
    struct facts facts;
    int before = errno;
    find(at, path, &place);
    int known = place.ours && look(at, path, AT_SYMLINK_NOFOLLOW, &facts) == 0;
    errno = before;
    int done = (int)syscall(SYS_unlinkat, at, path, flags);
    if (done == 0 && known) {
        struct record record = {.kind = 'U', .id = id_of(&facts), .dir = place.dir, .mode = facts.mode};
        append(&record, place.name, NULL, NULL, 0);
    }
    return done;
}
PUBLIC int unlink(const char *path) { return unlinking(AT_FDCWD, path, 0); }
PUBLIC int unlinkat(int at, const char *path, int flags) { return unlinking(at, path, flags); }
PUBLIC int rmdir(const char *path) { return unlinking(AT_FDCWD, path, AT_REMOVEDIR); }
PUBLIC int remove(const char *path) {
    int done = unlinking(AT_FDCWD, path, 0);
    return done != 0 && errno == EISDIR ? unlinking(AT_FDCWD, path, AT_REMOVEDIR) : done;
}

static void moded(int at, const char *path, int flags) {
    struct facts facts;
    int before = errno;
    if (root_length && look(at, path, flags, &facts) == 0) {
        struct record record = {.kind = 'M', .id = id_of(&facts), .mode = facts.mode};
        append(&record, NULL, NULL, NULL, 0);
    }
    errno = before;
}
PUBLIC int chmod(const char *path, mode_t mode) {
    REAL(chmod);
    int done = real(path, mode);
    if (done == 0) moded(AT_FDCWD, path, 0);
    return done;
}
PUBLIC int fchmod(int fd, mode_t mode) {
    REAL(fchmod);
    int done = real(fd, mode);
    if (done == 0) moded(fd, "", AT_EMPTY_PATH);
    return done;
}
PUBLIC int fchmodat(int at, const char *path, mode_t mode, int flags) {
    REAL(fchmodat);
    int done = real(at, path, mode, flags);
    if (done == 0) moded(at, path, 0);
    return done;
}

/* ---- syncs ---- */

/* 1 if it has to fail, with errno set. */
static int sync_goes_wrong(int fd) {
    char link[40], path[PATH_MAX];
    if (!fault) return 0;
    if (fault->path[0]) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        size_t end = strnlen((const char *)fault->path, sizeof fault->path - 1);
        if (length < (ssize_t)end || memcmp(path + length - end, (const char *)fault->path, end) != 0) return 0;
    }
    if (hits(SYNC_FAILS)) { errno = EIO; return 1; }
    if (dies()) syscall(SYS_kill, getpid(), SIGKILL);
    return 0;
}

static int syncing(int fd, long number) {
    struct facts facts;
    int before = errno;
    int ours = root_length && look(fd, "", AT_EMPTY_PATH, &facts) == 0 && fd_is_below(fd);
    errno = before;
    if (!ours) return (int)syscall(number, fd);
    if (sync_goes_wrong(fd)) return -1;
    uint64_t token = record_sync('b', &facts, 0, fd);
    /* Nothing is lost in a test but what the test takes away, so the disk need not work for it. */
    record_sync('e', &facts, token, fd);
    return 0;
}
PUBLIC int fsync(int fd) { return syncing(fd, SYS_fsync); }
PUBLIC int fdatasync(int fd) { return syncing(fd, SYS_fdatasync); }
PUBLIC int syncfs(int fd) {
    if (!fd_is_below(fd)) return (int)syscall(SYS_syncfs, fd);
    if (sync_goes_wrong(fd)) return -1;
    uint64_t token = record_sync('B', NULL, 0, fd);
    record_sync('E', NULL, token, fd);
    return 0;
}
PUBLIC void sync(void) {
    uint64_t token = record_sync('B', NULL, 0, -1);
    record_sync('E', NULL, token, -1);
}
PUBLIC int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    (void)fd; (void)offset; (void)length; (void)flags;
    return 0;
}

/* ---- starting others, also with an environment of their own ---- */

static char **with_ours(char *const given[]) {
    size_t count = 0;
    while (given && given[count]) count++;
    char **all = malloc((count + KEPT_MAX + 1) * sizeof *all);
    if (!all) return (char **)given;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        int ours = 0;
        for (int k = 0; k < kept_count; k++) {
            size_t name = (size_t)(strchr(kept[k], '=') - kept[k]) + 1;
            ours |= strncmp(given[i], kept[k], name) == 0;
        }
        if (!ours) all[used++] = given[i];
    }
    for (int k = 0; k < kept_count; k++) all[used++] = kept[k];
    all[used] = NULL;
    return all;
}

PUBLIC int execve(const char *path, char *const argv[], char *const envp[]) {
    REAL(execve);
    return real(path, argv, with_ours(envp));
}
PUBLIC int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }
PUBLIC int execvpe(const char *file, char *const argv[], char *const envp[]) {
    REAL(execvpe);
    return real(file, argv, with_ours(envp));
}
PUBLIC int execvp(const char *file, char *const argv[]) { return execvpe(file, argv, environ); }
PUBLIC int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    REAL(posix_spawn);
    char **all = with_ours(envp);
    int done = real(pid, path, actions, attributes, argv, all);
    if (all != (char **)envp) free(all);
    return done;
}
PUBLIC int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    REAL(posix_spawnp);
    char **all = with_ours(envp);
    int done = real(pid, file, actions, attributes, argv, all);
    if (all != (char **)envp) free(all);
    return done;
}
