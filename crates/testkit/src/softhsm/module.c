/* SoftHSM as a module of its own for one test: with that test's tokens, and with faults that the test puts there as files.
 *
 * FOLDER and LIBRARY are given by the compiler's command line. SoftHSM takes its configuration from the environment, which a test cannot
 * set for itself alone. LIBRARY is a copy, so that two modules in one process are two.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

typedef unsigned long rv;

/* CK_FUNCTION_LIST: the version, then the functions in the order of the standard. */
enum { INITIALIZE = 0, OPEN_SESSION = 12, LOGIN = 18, SIGN = 43, FUNCTIONS = 68 };
struct list {
    unsigned char version[2];
    void *function[FUNCTIONS];
};

static const rv DEVICE_ERROR = 0x30, DEVICE_REMOVED = 0x32, GENERAL_ERROR = 0x05;
static struct list *real, ours;

static int is_there(const char *file) { return access(file, F_OK) == 0; }

/* One byte for each time. */
static void count(const char *file) {
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) {
        if (write(fd, ".", 1) != 1) abort();
        close(fd);
    }
}

static rv initialize(void *arguments) {
    /* Other modules of this process set the same variable. */
    int lock = open(LOCK, O_RDWR | O_CREAT, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) return GENERAL_ERROR;
    setenv("SOFTHSM2_CONF", FOLDER "/softhsm2.conf", 1);
    count(FOLDER "/initializations");
    rv result = ((rv(*)(void *))real->function[INITIALIZE])(arguments);
    close(lock);
    return result;
}

static rv open_session(rv slot, rv flags, void *application, void *notify, rv *session) {
    if (is_there(FOLDER "/removed")) return DEVICE_REMOVED;
    return ((rv(*)(rv, rv, void *, void *, rv *))real->function[OPEN_SESSION])(slot, flags, application, notify, session);
}

static rv login(rv session, rv user, unsigned char *pin, rv length) {
    count(FOLDER "/logins");
    return ((rv(*)(rv, rv, unsigned char *, rv))real->function[LOGIN])(session, user, pin, length);
}

static rv sign(rv session, unsigned char *data, rv length, unsigned char *signature, rv *signed_length) {
    if (is_there(FOLDER "/removed")) return DEVICE_REMOVED;
    if (signature && is_there(FOLDER "/fails-once")) {
        unlink(FOLDER "/fails-once");
        return DEVICE_ERROR;
    }
    if (signature && is_there(FOLDER "/hangs")) {
        count(FOLDER "/hung");
        while (is_there(FOLDER "/hangs")) usleep(2000);
    }
    rv result = ((rv(*)(rv, unsigned char *, rv, unsigned char *, rv *))real->function[SIGN])(session, data, length, signature, signed_length);
    if (signature && is_there(FOLDER "/garbles")) signature[0] ^= 1;
    return result;
}

rv C_GetFunctionList(struct list **list) {
    if (!real) {
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        rv (*get)(struct list **) = library ? (rv(*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
        if (!get || get(&real) != 0) return GENERAL_ERROR;
        ours = *real;
        ours.function[INITIALIZE] = (void *)initialize;
        ours.function[OPEN_SESSION] = (void *)open_session;
        ours.function[LOGIN] = (void *)login;
        ours.function[SIGN] = (void *)sign;
    }
    *list = &ours;
    return 0;
}
