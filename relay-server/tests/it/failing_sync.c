/* Makes fsync and fdatasync fail once the file named by FAILING_SYNC exists, and hang while that named by
   HANGING_SYNC does. Preloaded into a relay. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_set(const char *name) {
    const char *flag = getenv(name);
    return flag && access(flag, F_OK) == 0;
}

static int fails(void) {
    while (is_set("HANGING_SYNC")) usleep(10000);
    return is_set("FAILING_SYNC");
}

int fsync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, fd);
}
