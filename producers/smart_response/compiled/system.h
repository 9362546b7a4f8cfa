/* What differs between Windows and POSIX: sockets, the memory of folders, who runs this, and starting Python. */
#ifndef SYSTEM_H
#define SYSTEM_H

#ifdef _WIN32
#define _CRT_RAND_S
#endif

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef _WIN32

#include <winsock2.h>
#include <windows.h>
#include <ws2tcpip.h>
typedef SOCKET Socket;
#define close_socket closesocket
#define NO_SOCKET INVALID_SOCKET
#define SEPARATOR '\\'
#define NO_SIGNAL 0
#define SIZE(size) ((int)(size))
#else
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>
typedef int Socket;
#define close_socket close
#define NO_SOCKET (-1)
#define SEPARATOR '/'
#define NO_SIGNAL MSG_NOSIGNAL
#define SIZE(size) (size)
#endif

#define PATH_BYTES 1024

/* Return a variable of the environment, "" where it is not set. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

/* Put texts together, up to a NULL; false where they do not fit. */
static bool joined(char *out, size_t room, const char *const parts[])
{
    size_t size = 0;
    for (; *parts; parts++) {
        size_t more = strlen(*parts);
        if (more >= room - size)
            return false;
        memcpy(out + size, *parts, more);
        size += more;
    }
    out[size] = 0;
    return true;
}
#define JOIN(out, ...) joined(out, sizeof(out), (const char *const[]){__VA_ARGS__, NULL})

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

#ifdef _WIN32

static bool recall(const char *name, char out[PATH_BYTES])
{
    DWORD size = PATH_BYTES;
    return RegGetValueA(HKEY_LOCAL_MACHINE, "Software\\ThreatQuotient\\LogRhythm", name,
                        RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, out, &size) == ERROR_SUCCESS && *out;
}

static bool who(char out[PATH_BYTES])
{
    const char *user = *variable("USERNAME") ? variable("USERNAME") : variable("USER");
    return joined(out, PATH_BYTES, (const char *const[]){*user ? user : "unknown", "@", variable("COMPUTERNAME"), NULL});
}

static bool random_bytes(unsigned char *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned int number;
        if (rand_s(&number))
            return false;
        out[i] = (unsigned char)(number >> 8);
    }
    return true;
}

static bool private_file(const char *path) { return exists(path); }

static bool own_path(char out[PATH_BYTES])
{
    DWORD size = GetModuleFileNameA(NULL, out, PATH_BYTES);
    return size > 0 && size < PATH_BYTES;
}

static void set_blocking(Socket wire, bool blocking)
{
    u_long on = !blocking;
    ioctlsocket(wire, FIONBIO, &on);
}

static void set_answer_timeout(Socket wire, int seconds)
{
    DWORD ms = (DWORD)seconds * 1000;
    setsockopt(wire, SOL_SOCKET, SO_RCVTIMEO, (const char *)&ms, sizeof ms);
    setsockopt(wire, SOL_SOCKET, SO_SNDTIMEO, (const char *)&ms, sizeof ms);
}

static bool is_plain_command_line(void)
{
    for (const wchar_t *at = GetCommandLineW(); *at; at++)
        if (*at < 32 || *at > 126)
            return false;
    return true;
}

/* Run Python with the rest of our own command line as it is, and end with its exit code. */
static int start_python(const char *python, const char *start, const char *command, char **arguments)
{
    static wchar_t line[32768], wide[3][PATH_BYTES];
    const char *texts[3] = {python, start, command};
    const wchar_t *rest = GetCommandLineW();
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    DWORD code = 1;
    (void)arguments;
    bool quoted = *rest == L'"';
    for (rest += quoted; *rest && (quoted ? *rest != L'"' : *rest > L' '); rest++)
        ;
    rest += quoted && *rest;
    for (int i = 0; i < 3; i++)
        if (!MultiByteToWideChar(CP_UTF8, 0, texts[i], -1, wide[i], PATH_BYTES))
            return 1;
    if (wcslen(wide[0]) + wcslen(wide[1]) + wcslen(wide[2]) + wcslen(rest) + 32 > sizeof line / sizeof *line)
        return 1;
    wcscpy(line, L"\"");
    wcscat(wcscat(wcscat(line, wide[0]), L"\" -I -S \""), wide[1]);
    wcscat(wcscat(wcscat(line, L"\" "), wide[2]), rest);
    if (!CreateProcessW(wide[0], line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        fprintf(stderr, "%s cannot be started; correct tq-stub.txt beside this program\n", python);
        return 1;
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}

#else

/* The file is JSON, which is left to Python. */
static bool is_remembered(void)
{
    char path[PATH_BYTES];
    const char *home = variable("XDG_CONFIG_HOME");
    bool fits = *home ? JOIN(path, home, "/tq-workers/logrhythm.json")
                      : JOIN(path, variable("HOME"), "/.config/tq-workers/logrhythm.json");
    return !*variable("HOME") || !fits || exists(path);
}

static bool who(char out[PATH_BYTES])
{
    struct utsname system;
    struct passwd *user = getpwuid(getuid());
    const char *caller = variable("SUDO_USER");
    if (!user || uname(&system))
        return false;
    if (*caller && strcmp(caller, user->pw_name))
        return joined(out, PATH_BYTES, (const char *const[]){caller, " as ", user->pw_name, "@", system.nodename, NULL});
    return joined(out, PATH_BYTES, (const char *const[]){user->pw_name, "@", system.nodename, NULL});
}

static bool random_bytes(unsigned char *out, size_t size)
{
    int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    bool whole = file >= 0 && read(file, out, size) == (ssize_t)size;
    if (file >= 0)
        close(file);
    return whole;
}

/* Tell whether there is a file that no other user may read. */
static bool private_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !(status.st_mode & 077);
}

static bool own_path(char out[PATH_BYTES])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_BYTES - 1);
    out[size > 0 ? size : 0] = 0;
    return size > 0 && size < PATH_BYTES - 1;
}

static void set_blocking(Socket wire, bool blocking)
{
    int flags = fcntl(wire, F_GETFL);
    fcntl(wire, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void set_answer_timeout(Socket wire, int seconds)
{
    struct timeval within = {.tv_sec = seconds};
    setsockopt(wire, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof within);
    setsockopt(wire, SOL_SOCKET, SO_SNDTIMEO, &within, sizeof within);
}

static bool is_plain_command_line(void) { return true; }

static int start_python(const char *python, const char *start, const char *command, char **arguments)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    const char **line = calloc(count + 6, sizeof *line);
    if (!line)
        return 1;
    const char *first[] = {python, "-I", "-S", start, command};
    memcpy(line, first, sizeof first);
    memcpy(line + 5, arguments, count * sizeof *line);
    execv(python, (char *const *)line);
    perror(python);
    free(line);
    return 1;
}

#endif

/* Connect within a second; NO_SOCKET where that is not possible. */
static Socket connected(const char *host, const char *port)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *first = NULL;
    Socket wire = NO_SOCKET;
#ifdef _WIN32
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data))
        return NO_SOCKET;
#endif
    if (getaddrinfo(host, port, &wanted, &first))
        return NO_SOCKET;
    for (struct addrinfo *each = first; each && wire == NO_SOCKET; each = each->ai_next) {
        wire = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (wire == NO_SOCKET)
            continue;
#ifndef _WIN32
        if (wire >= FD_SETSIZE) {
            close_socket(wire);
            wire = NO_SOCKET;
            continue;
        }
#endif
        set_blocking(wire, false);
        connect(wire, each->ai_addr, (int)each->ai_addrlen);
        fd_set writable;
        struct timeval within = {.tv_sec = 1};
        int error = 0;
        socklen_t size = sizeof error;
        FD_ZERO(&writable);
        FD_SET(wire, &writable);
        if (select((int)wire + 1, NULL, &writable, NULL, &within) != 1 ||
            getsockopt(wire, SOL_SOCKET, SO_ERROR, (char *)&error, &size) || error) {
            close_socket(wire);
            wire = NO_SOCKET;
        }
    }
    freeaddrinfo(first);
    if (wire != NO_SOCKET) {
        set_blocking(wire, true);
        set_answer_timeout(wire, 5);
    }
    return wire;
}

#endif
