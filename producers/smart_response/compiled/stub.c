/* The six Smart Response commands, compiled: accepts the job as the Python command does, in a fraction of its time.
 *
 * Only the plain case is done here: printable ASCII, settings as plain lines, one Redis that answers. All else is
 * handed over to Python, before anything is sent or after: the same action sent again within a minute is the
 * same job. So Python waits for the outcome, writes the log, keeps the job while Redis is away and says what is wrong.
 */
#include "system.h"

#include "sha256.h"
#include "tls.h"

#define MOST_WORDS 3
#define MOST_FIELDS 8
#define MOST_BODY 1000
#define MOST_ARGUMENTS 64

/* Text that is cut and then known as not whole, so that nothing is ever written beyond its end. */
typedef struct {
    size_t size;
    bool is_cut;
    char data[4 * MOST_BODY];
} Text;

typedef struct {
    const char *command, *name, *kind, *queue, *verdict;
} Action;

static const Action ACTIONS[] = {
    {"tq-sighting", "ThreatQ Add Sighting", "sightings.add", "events", NULL},
    {"tq-add-ioc", "ThreatQ Add IOC", "indicators.add", "enrichment", NULL},
    {"tq-lookup", "ThreatQ Lookup IOC", "indicators.lookup", "enrichment", NULL},
    {"tq-mark-true-positive", "ThreatQ Mark True Positive", "indicators.mark", "enrichment", "true positive"},
    {"tq-mark-false-positive", "ThreatQ Mark False Positive", "indicators.mark", "enrichment", "false positive"},
    {"tq-whitelist-ioc", "ThreatQ Whitelist IOC", "indicators.whitelist", "enrichment", NULL},
};

/* Alarm fields in the order of the job, and the places of the same in the order of their names. */
static const char *const FIELDS[MOST_FIELDS] = {"SIP", "DIP", "DHostName", "SHostName",
                                                "Recipient", "Sender", "URL", "Object"};
static const int SORTED[MOST_FIELDS] = {2, 1, 7, 4, 3, 0, 5, 6};

/* Types that need no look at what ThreatQ has. */
static const char *const USUAL_TYPES[] = {"IP Address", "FQDN", "URL", "MD5", "SHA-1",
                                          "SHA-256", "Email Address", "Filename", NULL};

typedef struct {
    const Action *action;
    Text words[MOST_WORDS], fields[MOST_FIELDS];
    char config[PATH_BYTES];
    bool has_config, is_logged, is_waited_for;
} Call;

typedef struct {
    char url[PATH_BYTES], spool[PATH_BYTES], most_open[16], percent[16];
    bool has_file;
} Settings;

static void add(Text *text, const char *data, size_t size)
{
    if (text->is_cut || size >= sizeof text->data - text->size) {
        text->is_cut = true;
        return;
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

static void say(Text *text, const char *data) { add(text, data, strlen(data)); }

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < 32 || *text > 126)
            return false;
    return true;
}

/* Add a value without the blanks around it. */
static void add_stripped(Text *text, const char *value)
{
    size_t size = strlen(value);
    while (size && value[size - 1] == ' ')
        size--;
    while (size && *value == ' ')
        value++, size--;
    add(text, value, size);
}

/* Add a text with one blank in place of several. */
static void add_line(Text *text, const char *value, size_t size)
{
    bool is_first = true;
    for (size_t at = 0; at < size; at++) {
        if (value[at] == ' ')
            continue;
        if (!is_first && value[at - 1] == ' ')
            say(text, " ");
        is_first = false;
        add(text, value + at, 1);
    }
}

static void add_json(Text *text, const char *before, const char *value)
{
    say(text, before);
    say(text, "\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            say(text, "\\");
        add(text, value, 1);
    }
    say(text, "\"");
}

static void add_argument(Text *text, const char *data, size_t size)
{
    char head[32];
    add(text, head, (size_t)snprintf(head, sizeof head, "$%zu\r\n", size));
    add(text, data, size);
    say(text, "\r\n");
}

static void add_word(Text *text, const char *word) { add_argument(text, word, strlen(word)); }

/* Read the command line; false for all that Python has to look at. */
static bool read_call(Call *call, int count, char **arguments)
{
    int most = call->action == ACTIONS ? 3 : 2, words = 0;
    Text *open = NULL;
    bool is_open = false, is_given[MOST_FIELDS] = {false};
    if (count > MOST_ARGUMENTS || !is_plain_command_line())
        return false;
    for (int at = 0; at < count; at++) {
        const char *word = arguments[at];
        if (!is_plain(word))
            return false;
        bool has_value = at + 1 < count && arguments[at + 1][0] && arguments[at + 1][0] != '-';
        if (*word != '-') {
            if (words < most) {
                add_stripped(&call->words[words], word);
                if (!call->words[words++].size)
                    return false;
            } else if (is_open) {
                say(open, " ");
                say(open, word);
            } else {
                return false;
            }
            continue;
        }
        is_open = false;
        if (!strcmp(word, "--no-wait")) {
            call->is_waited_for = false;
        } else if ((!strcmp(word, "-c") || !strcmp(word, "--config")) && has_value && !call->has_config) {
            call->has_config = JOIN(call->config, arguments[++at]);
            if (!call->has_config || !is_plain(call->config))
                return false;
        } else if ((!strcmp(word, "-ll") || !strcmp(word, "-v")) && has_value) {
            call->is_logged = true;
            at++;
        } else {
            int field = 0;
            while (call->action == ACTIONS && field < MOST_FIELDS && strcmp(word + 1, FIELDS[field]))
                field++;
            if (call->action != ACTIONS || field == MOST_FIELDS || is_given[field])
                return false;
            is_given[field] = true;
            if (at + 1 < count && arguments[at + 1][0] != '-') {
                if (!is_plain(arguments[++at]))
                    return false;
                open = &call->fields[field];
                is_open = arguments[at][0] != 0;
                say(open, arguments[at]);
            }
        }
    }
    return words == most;
}

static bool is_usual_type(const char *type)
{
    for (const char *const *each = USUAL_TYPES; *each; each++)
        if (!strcmp(*each, type))
            return true;
    return false;
}

static bool is_number(const char *text)
{
    return *text && strlen(text) < 9 && strspn(text, "0123456789") == strlen(text);
}

/* Return what stands behind a name in a line of the settings, NULL for what only a YAML reader understands. */
static char *read_value(char *text)
{
    size_t size = strlen(text);
    while (size && text[size - 1] == ' ')
        text[--size] = 0;
    for (; *text == ' '; size--)
        text++;
    if (size > 1 && text[0] == '"' && text[size - 1] == '"') {
        text[size - 1] = 0;
        return strpbrk(++text, "\"\\") ? NULL : text;
    }
    bool is_odd = !size || strpbrk(text, " #\"'{}[]&*!|>%@`,?~\\") || strchr("-:=<", *text) ||
                  text[size - 1] == ':' || (size == 4 && (*text == 'n' || *text == 'N'));
    return is_odd ? NULL : text;
}

/* Read `tq.yaml`; false where it is not plain. A name that stands twice is left to Python too. */
static bool read_file(const char *path, Settings *settings)
{
    static char line[PATH_BYTES], names[MOST_ARGUMENTS][64];
    FILE *file = private_file(path) ? fopen(path, "rb") : NULL;
    bool is_read = file != NULL;
    int count = 0;
    while (is_read && fgets(line, sizeof line, file)) {
        size_t size = strlen(line);
        bool is_whole = size && line[size - 1] == '\n';
        size -= is_whole;
        size -= is_whole && size && line[size - 1] == '\r';
        line[size] = 0;
        char *colon = strstr(line, ": ");
        is_read = is_plain(line) && (is_whole || feof(file));
        if (!size || *line == '#' || !is_read)
            continue;
        char *value = colon ? read_value(colon + 2) : NULL;
        is_read = value && colon - line < 64 && count < MOST_ARGUMENTS;
        if (!is_read)
            break;
        *colon = 0;
        is_read = strspn(line, "abcdefghijklmnopqrstuvwxyz_") == strlen(line);
        for (int each = 0; each < count; each++)
            is_read = is_read && strcmp(names[each], line);
        is_read = is_read && JOIN(names[count++], line);
        if (!strcmp(line, "redis_url"))
            is_read = is_read && JOIN(settings->url, value);
        else if (!strcmp(line, "spool_dir"))
            is_read = is_read && JOIN(settings->spool, value);
        else if (!strcmp(line, "max_open_jobs"))
            is_read = is_read && is_number(value) && JOIN(settings->most_open, value);
        else if (!strcmp(line, "memory_percent"))
            is_read = is_read && is_number(value) && JOIN(settings->percent, value);
        else if (!strcmp(line, "version"))
            is_read = is_read && !strcmp(value, "1");
        else if (!strncmp(line, "accept_", 7) || !strcmp(line, "wait_s"))
            is_read = false;
    }
    if (file)
        fclose(file);
    return is_read;
}

static bool read_settings(Call *call, Settings *settings)
{
    static const char *const others[] = {"REDIS_URL_FILE", "WAIT_S", "WAIT_S_FILE", "SPOOL_DIR", "SPOOL_DIR_FILE",
        "MAX_OPEN_JOBS", "MAX_OPEN_JOBS_FILE", "MEMORY_PERCENT", "MEMORY_PERCENT_FILE", "ACCEPT_REPLICAS",
        "ACCEPT_REPLICAS_FILE", "ACCEPT_WAIT_MS", "ACCEPT_WAIT_MS_FILE", NULL};
    char name[64], path[PATH_BYTES];
    const char *folder = call->config, *url = variable("TQ_REDIS_URL"), *state = variable("XDG_STATE_HOME");
    for (const char *const *each = others; *each; each++)
        if (!JOIN(name, "TQ_", *each) || *variable(name))
            return false;
    if (*variable("TRACEPARENT"))
        return false;
    if (!call->has_config && !JOIN(call->config, variable("TQ_CONFIG")))
        return false;
#ifdef _WIN32
    if (!*folder)
        recall("Config", call->config);
    call->is_logged = call->is_logged || recall("LogLocation", path);
    state = variable("LOCALAPPDATA");
#else
    if (is_remembered() && !*folder)
        return false;
    call->is_logged = call->is_logged || is_remembered();
#endif
    size_t size = strlen(folder);
    if (!is_plain(folder) || strpbrk(folder, "~\"") || *folder == ' ' || (size && folder[size - 1] == ' ') ||
        strstr(folder, "tq.yaml") || !JOIN(path, folder, *folder ? "/" : "", "tq.yaml"))
        return false;
    JOIN(settings->url, "redis://127.0.0.1:6379/0");
    JOIN(settings->most_open, "100000");
    JOIN(settings->percent, "70");
    settings->has_file = exists(path);
    if (settings->has_file ? !read_file(path, settings) : *folder && !*url)
        return false;
    if ((*url && !JOIN(settings->url, url)) || atoi(settings->most_open) < 1 || atoi(settings->percent) < 1 ||
        atoi(settings->percent) > 100)
        return false;
    if (!*settings->spool && settings->has_file)
        return JOIN(settings->spool, *folder ? folder : ".", "/spool");
    if (!*settings->spool)
        return *state ? JOIN(settings->spool, state, "/tq-workers/spool")
                      : JOIN(settings->spool, variable("HOME"), "/.local/state/tq-workers/spool");
    return !strchr(settings->spool, '~');
}

/* Put the arguments of the job into `body`, in the order of the command line, or sorted by name. */
static void add_body(Text *body, const Call *call, bool sorted)
{
    const Text *words = call->words;
    if (call->action != ACTIONS) {
        bool has_attributes = !strcmp(call->action->kind, "indicators.add");
        say(body, has_attributes && sorted ? "{\"attributes\":[]," : "{");
        add_json(body, "\"type\":", words[0].data);
        add_json(body, ",\"value\":", words[1].data);
        if (call->action->verdict)
            add_json(body, ",\"verdict\":", call->action->verdict);
        say(body, has_attributes && !sorted ? ",\"attributes\":[]}" : "}");
        return;
    }
    add_json(body, sorted ? "{\"alarm_date\":" : "{\"alarm_id\":", words[sorted ? 2 : 0].data);
    add_json(body, sorted ? ",\"alarm_id\":" : ",\"alarm_name\":", words[sorted ? 0 : 1].data);
    add_json(body, sorted ? ",\"alarm_name\":" : ",\"alarm_date\":", words[sorted ? 1 : 2].data);
    say(body, ",\"observed\":{");
    const char *comma = "\"";
    for (int at = 0; at < MOST_FIELDS; at++) {
        int field = sorted ? SORTED[at] : at;
        Text value = {0};
        add_stripped(&value, call->fields[field].data);
        if (!value.size)
            continue;
        say(body, comma);
        say(body, FIELDS[field]);
        add_json(body, "\":", value.data);
        comma = ",\"";
    }
    say(body, "}}");
}

/* Return the name of `kind` with what `body` holds. */
static void digest(const char *kind, const Text *body, char name[25])
{
    Text text = {0};
    say(&text, kind);
    say(&text, "\n");
    add(&text, body->data, body->size);
    sha256_name(text.data, text.size, name);
}

/* Put into `record` what the ledger keeps of the job; its arguments in zlib's form, as they are. */
static bool add_record(Text *record, const Call *call, const Text *body)
{
    char sender[PATH_BYTES];
    Text name = {0}, title = {0};
    unsigned low = 1, high = 0, size = (unsigned)body->size;
    if (!who(sender) || !is_plain(sender))
        return false;
    add_line(&name, sender, strlen(sender) < 400 ? strlen(sender) : 400);
    add(&title, call->words[0].data, call->words[0].size);
    say(&title, " ");
    add(&title, call->words[1].data, call->words[1].size);
    say(record, call->action->kind);
    say(record, "\n");
    say(record, call->action->queue);
    say(record, "\nsmart-response ");
    add_line(record, name.data, name.size < 100 ? name.size : 100);
    say(record, "\n\n");
    add_line(record, title.data, title.size < 200 ? title.size : 200);
    for (size_t at = 0; at < body->size; at++) {
        low = (low + (unsigned char)body->data[at]) % 65521;
        high = (high + low) % 65521;
    }
    char head[8] = {'\n', 0x78, 1, 1, (char)size, (char)(size >> 8), (char)~size, (char)(~size >> 8)};
    char sum[4] = {(char)(high >> 8), (char)high, (char)(low >> 8), (char)low};
    add(record, head, sizeof head);
    add(record, body->data, body->size);
    add(record, sum, sizeof sum);
    return true;
}

/* Put the call of Redis' function into `words`, and the job's id into `id`. */
static bool add_job(Text *words, const Call *call, const Settings *settings, char id[25])
{
    Text body = {0}, sorted = {0}, record = {0}, about = {0};
    char name[25], key[32] = "", counter[64], thousandths[32];
    unsigned char chance[12];
    bool is_sighting = call->action == ACTIONS;
    add_body(&body, call, false);
    add_body(&sorted, call, true);
    digest(call->action->kind, &sorted, name);
    memcpy(id, name, 25);
    if (!is_sighting) {
        char subject[25];
        if (!random_bytes(chance, sizeof chance))
            return false;
        for (int at = 0; at < 12; at++)
            snprintf(id + 2 * at, 3, "%02x", chance[at]);
        add_json(&about, "{\"type\":", call->words[0].data);
        add_json(&about, ",\"value\":", call->words[1].data);
        say(&about, "}");
        digest("about", &about, subject);
        JOIN(key, "about:", subject);
    }
    if (body.is_cut || sorted.is_cut || about.is_cut || body.size > MOST_BODY || !add_record(&record, call, &body))
        return false;
    JOIN(thousandths, settings->percent, "0");
    JOIN(counter, "accepted:", call->action->kind, ":smart-response");
    const char *const first[] = {"FCALL", "tq_accept_1", "0", call->action->queue, settings->most_open, thousandths, id};
    say(words, "*12\r\n");
    for (size_t at = 0; at < sizeof first / sizeof *first; at++)
        add_word(words, first[at]);
    add_argument(words, record.data, record.size);
    add_word(words, counter);
    add_word(words, name);
    add_word(words, key);
    add_word(words, is_sighting ? "86400000" : "60000");
    return !record.is_cut && !words->is_cut;
}

/* Send `text`, and tell whether the answer is this. */
static bool asked(const Wire *wire, const Text *text, const char *answer)
{
    if (!send_all(wire, text->data, text->size))
        return false;
    for (char got; *answer; answer++)
        if (!receive(wire, &got) || got != *answer)
            return false;
    return true;
}

/* Return where the host of a URL begins, and cut off its authority; NULL for a URL that only Python knows. */
static char *read_scheme(char *url, const char **authority)
{
    static const char option[] = "?ssl_ca_certs=";
    *authority = NULL;
    if (strpbrk(url, "%[ #"))
        return NULL;
    char *query = strchr(url, '?');
    if (!query)
        return strncmp(url, "redis://", 8) ? NULL : url + 8;
    if (strncmp(url, "rediss://", 9) || strncmp(query, option, sizeof option - 1) || strpbrk(query + 1, "?&+;"))
        return NULL;
    *authority = query + sizeof option - 1;
    *query = 0;
    return **authority ? url + 9 : NULL;
}

/* Read a plain URL and send the job there; false where Redis says anything but that it is a new one. */
static bool accept_job(char *url, const Text *words)
{
    Text greeting = {0};
    const char *authority;
    char *place = read_scheme(url, &authority), *at = place ? strrchr(place, '@') : NULL, *db, *port;
    if (!place || (authority && !load_openssl()))
        return false;
    const char *user = "", *password = "", *expected = "";
    if (at) {
        *at = 0;
        char *colon = strchr(place, ':');
        if (!colon)
            return false;
        *colon = 0;
        user = place, password = colon + 1, place = at + 1;
    }
    if (strchr(user, '/') || strchr(password, '/'))
        return false;
    if ((db = strchr(place, '/')))
        *db++ = 0;
    if ((port = strchr(place, ':')))
        *port++ = 0;
    if ((db && *db && !is_number(db)) || (port && !is_number(port)) || (*user && !*password))
        return false;
    if (*password) {
        say(&greeting, *user ? "*3\r\n" : "*2\r\n");
        add_word(&greeting, "AUTH");
        if (*user)
            add_word(&greeting, user);
        add_word(&greeting, password);
        expected = "+OK\r\n";
    }
    if (db && strspn(db, "0") != strlen(db)) {
        say(&greeting, "*2\r\n");
        add_word(&greeting, "SELECT");
        add_word(&greeting, db);
        expected = *password ? "+OK\r\n+OK\r\n" : "+OK\r\n";
    }
    const char *host = *place ? place : "localhost";
    Wire wire = {.socket = connected(host, port ? port : "6379")};
    if (wire.socket == NO_SOCKET)
        return false;
    bool is_accepted = !greeting.is_cut && (!authority || secure(&wire, host, authority)) &&
                       asked(&wire, &greeting, expected) && asked(&wire, words, "*0\r\n");
    close_socket(wire.socket);
    return is_accepted;
}

/* Let Python do it: its path and that of start.py are the two lines of tq-stub.txt beside this program. */
static int hand_over(const char *command, char **arguments)
{
    char path[PATH_BYTES], lines[2][PATH_BYTES] = {"", ""};
    char *folder = own_path(path) ? strrchr(path, SEPARATOR) : NULL;
    if (folder && (size_t)(folder + 1 - path) + sizeof "tq-stub.txt" <= sizeof path) {
        strcpy(folder + 1, "tq-stub.txt");
        FILE *file = fopen(path, "r");
        for (int at = 0; file && at < 2; at++)
            if (fgets(lines[at], sizeof lines[at], file))
                lines[at][strcspn(lines[at], "\r\n")] = 0;
        if (file)
            fclose(file);
    }
    if (!*lines[0] || !*lines[1]) {
        fprintf(stderr, "%s: write the path of Python and that of start.py, a line each, into tq-stub.txt beside this program\n", command);
        return 2;
    }
    return start_python(lines[0], lines[1], command, arguments);
}

int main(int count, char **arguments)
{
    static Call call = {.is_waited_for = true};
    static Settings settings;
    static Text words;
    char id[25] = "", command[64] = "";
    const char *base = count ? arguments[0] : "";
    for (const char *at = base; *at; at++)
        if (*at == '/' || *at == SEPARATOR)
            base = at + 1;
    size_t size = strlen(base);
    if (size > 4 && !strcmp(base + size - 4, ".exe"))
        size -= 4;
    if (size < sizeof command)
        memcpy(command, base, size);
    for (size_t at = 0; at < sizeof ACTIONS / sizeof *ACTIONS; at++)
        if (!strcmp(command, ACTIONS[at].command))
            call.action = &ACTIONS[at];
    if (!call.action) {
        fprintf(stderr, "%s is none of the six commands; name this program tq-lookup, for instance\n", base);
        return 2;
    }
    bool is_accepted = read_call(&call, count - 1, arguments + 1) &&
                       (call.action == ACTIONS || is_usual_type(call.words[0].data)) &&
                       read_settings(&call, &settings) && add_job(&words, &call, &settings, id) &&
                       accept_job(settings.url, &words);
    if (!is_accepted || call.is_waited_for || call.is_logged || exists(settings.spool))
        return hand_over(command, arguments + 1);
    printf("%s: accepted, not done yet\n\nWhy           the command did not wait for the outcome\n"
           "What now      it will be done; nothing needs to be repeated\nJob           %s\nSee later     tq-job %s\n",
           call.action->name, id, id);
    return 0;
}
