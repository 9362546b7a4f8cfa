/* A connection to Redis, plain or in TLS by the OpenSSL of this machine, which is loaded only where it is needed.
 *
 * It verifies as much as Python does: an authority of the file that the settings name signed the certificate, and the
 * certificate names the host. Until that is so nothing is sent. Windows has no OpenSSL: TLS is left to Python there.
 */
#ifndef TLS_H
#define TLS_H

#include <signal.h>

#include "system.h"

#ifndef _WIN32
#include <dlfcn.h>
#include <sys/time.h>
#endif

typedef struct {
    Socket socket;
    void *tls;
} Wire;

/* What is used of it: its result, its name, and what it takes. */
#define FUNCTIONS(USE)                                               \
    USE(const void *, TLS_client_method, (void))                     \
    USE(void *, SSL_CTX_new, (const void *))                         \
    USE(long, SSL_CTX_ctrl, (void *, int, long, void *))             \
    USE(void, SSL_CTX_set_security_level, (void *, int))             \
    USE(void, SSL_CTX_set_verify, (void *, int, void *))             \
    USE(int, SSL_CTX_load_verify_locations, (void *, const char *, const char *)) \
    USE(void *, SSL_new, (void *))                                   \
    USE(void *, SSL_get0_param, (void *))                            \
    USE(void, X509_VERIFY_PARAM_set_hostflags, (void *, unsigned))   \
    USE(int, X509_VERIFY_PARAM_set1_host, (void *, const char *, size_t)) \
    USE(int, X509_VERIFY_PARAM_set1_ip_asc, (void *, const char *))  \
    USE(long, SSL_ctrl, (void *, int, long, void *))                 \
    USE(int, SSL_set_fd, (void *, int))                              \
    USE(int, SSL_connect, (void *))                                  \
    USE(long, SSL_get_verify_result, (const void *))                 \
    USE(int, SSL_write, (void *, const void *, int))                 \
    USE(int, SSL_read, (void *, void *, int))

#define AS_MEMBER(result, name, takes) result(*name) takes;
static struct {
    FUNCTIONS(AS_MEMBER)
} openssl;

/* Numbers of OpenSSL's headers, which a compiler for any machine need not have. */
enum { SERVER_NAME = 55, SMALLEST_VERSION = 123, TLS_1_2 = 0x0303, VERIFY_PEER = 1, SECURITY_LEVEL = 2 };
enum { NO_PARTIAL_WILDCARDS = 0x4, NEVER_THE_SUBJECT = 0x20 };

/* Seconds in which a server must have shown who it is. */
#define HANDSHAKE_S 3

#ifdef _WIN32

static bool load_openssl(void) { return false; }

static void interrupt_after(int seconds) { (void)seconds; }

#else

static void go_on(int signal) { (void)signal; }

/* Have calls that wait end after so many seconds, 0 for never: a server that sends a byte now and then would hold this
 * process for ever, as no answer of it is late. Python, to which that is handed over, has a limit for the whole. */
static void interrupt_after(int seconds)
{
    struct sigaction action = {.sa_handler = go_on};
    struct itimerval timer = {.it_value.tv_sec = seconds, .it_interval.tv_sec = seconds ? 1 : 0};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static bool load_openssl(void)
{
    /* The versions that have all these functions. */
    void *library = dlopen("libssl.so.3", RTLD_NOW);
    if (!library && !(library = dlopen("libssl.so.1.1", RTLD_NOW)))
        return false;
#define LOAD(result, name, takes)                                    \
    if (!(*(void **)&openssl.name = dlsym(library, #name)))          \
        return false;
    FUNCTIONS(LOAD)
    return true;
}

#endif

/* Have the certificate name this host, by its address or its name, which the server is told; false for no host. */
static bool expect_host(void *tls, const char *host)
{
    void *rules = openssl.SSL_get0_param(tls);
    openssl.X509_VERIFY_PARAM_set_hostflags(rules, NO_PARTIAL_WILDCARDS | NEVER_THE_SUBJECT);
    if (openssl.X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1)
        return true;
    /* A dot in front would stand for whatever is below that name. */
    return *host && *host != '.' && openssl.X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1 &&
           openssl.SSL_ctrl(tls, SERVER_NAME, 0, (void *)(size_t)host) == 1;
}

/* Speak TLS from now on, by OpenSSL as it was loaded; false where the server does not answer or is not the right one. */
static bool secure(Wire *wire, const char *host, const char *authority)
{
    void *context = openssl.SSL_CTX_new(openssl.TLS_client_method());
    if (!context || openssl.SSL_CTX_ctrl(context, SMALLEST_VERSION, TLS_1_2, NULL) != 1 ||
        openssl.SSL_CTX_load_verify_locations(context, authority, NULL) != 1)
        return false;
    openssl.SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    openssl.SSL_CTX_set_verify(context, VERIFY_PEER, NULL);
    wire->tls = openssl.SSL_new(context);
#ifdef SIGPIPE
    /* Its writes have no flag against the signal, which Python ignores too. */
    signal(SIGPIPE, SIG_IGN);
#endif
    if (!wire->tls || !expect_host(wire->tls, host) || openssl.SSL_set_fd(wire->tls, (int)wire->socket) != 1)
        return false;
    interrupt_after(HANDSHAKE_S);
    bool is_connected = openssl.SSL_connect(wire->tls) == 1;
    interrupt_after(0);
    return is_connected && openssl.SSL_get_verify_result(wire->tls) == 0;
}

/* Send all of `data`. */
static bool send_all(const Wire *wire, const char *data, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        int more = wire->tls ? openssl.SSL_write(wire->tls, data + sent, (int)(size - sent))
                             : (int)send(wire->socket, data + sent, SIZE(size - sent), NO_SIGNAL);
        if (more <= 0)
            return false;
        sent += (size_t)more;
    }
    return true;
}

/* Put the next byte into `out`. */
static bool receive(const Wire *wire, char *out)
{
    return (wire->tls ? openssl.SSL_read(wire->tls, out, 1) : (int)recv(wire->socket, out, 1, 0)) == 1;
}

#endif
