/* Starting, watching and ending. The main thread does all of it; packets are the workers' (worker.h). */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "live/hooks.h"
#include "live/live.h"
#include "live/lock.h"
#include "live/logger.h"
#include "live/netview.h"
#include "live/notify.h"
#include "live/worker.h"

enum {
    /* Changes of the network come in showers: wait until it has been quiet for so long, but not longer than that. */
    QUIET = 50, /* milliseconds */
    LONGEST = 500,
    /* How often to look for sockets of the router's own. */
    LOOK = 5000,          /* milliseconds */
    BUFFER_MIN = 1 << 20, /* bytes of packets that may wait for a worker */
    BUFFER_MAX = 16 << 20,
    BUFFER_SHARE = 64, /* … of all memory, the smallest part that this may be */
};

_Static_assert((int)LIVE_QUEUES == (int)QUEUE_OPENING, "live.h promises so many");

struct live {
    const struct live_config *config;
    sigset_t signals, old_signals;
    struct sigaction old_pipe;
    int signal_fd, lock_fd;
    struct netview *netview;
    struct view *view; /* the current one; what it holds is the engine's too */
    struct tg_engine *engine;
    struct hooks_plan plan;
    const struct hooks_way *way;
    struct logger *logger;
    struct workers workers;
    uint64_t changed_first, changed_last; /* milliseconds; 0: what the kernel told has been read */
    uint64_t look_at;                     /* milliseconds: when to look for sockets */
};

static uint64_t milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr);
    fputs("tidegate: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(arguments);
}

/* ---- starting ---- */

static int take_lock(struct live *live)
{
    pid_t holder;
    int error = lock_take(&live->lock_fd, &holder);
    if (error == -EADDRINUSE && holder != 0)
        say("another tidegate is at work in this network namespace: process %d", (int)holder);
    else if (error == -EADDRINUSE)
        say("another tidegate is at work in this network namespace");
    else if (error != 0)
        say("taking the lock: %s", strerror(-error));
    return error;
}

static void complain_of_queues(int error, uint16_t number)
{
    switch (error) {
    case -EBUSY: say("packet queue %u is another program's; --queue N takes others", number); break;
    case -EPERM: say("the system refuses: run it as root, or with CAP_NET_ADMIN and CAP_NET_RAW"); break;
    case -EINVAL:
    case -EOPNOTSUPP:
    case -EPROTONOSUPPORT:
        say("this kernel has no packet queues (%s): it needs the module nfnetlink_queue, 3.10 or later (OpenWrt: "
            "kmod-nfnetlink-queue)",
            strerror(-error));
        break;
    default: say("taking packet queues: %s", strerror(-error));
    }
}

static int open_workers(struct live *live)
{
    struct sysinfo machine;
    uint64_t share = sysinfo(&machine) == 0 ? (uint64_t)machine.totalram * machine.mem_unit / BUFFER_SHARE : 0;
    int buffer = share > BUFFER_MAX ? BUFFER_MAX : share < BUFFER_MIN ? BUFFER_MIN : (int)share;
    uint16_t number;
    live->workers.engine = live->engine;
    live->workers.policy = live->config->policy;
    live->workers.output = live->config->output;
    int error = workers_open(&live->workers, live->config, buffer, &number);
    if (error != 0)
        complain_of_queues(error, number);
    return error;
}

static int open_engine(struct live *live)
{
    struct tg_engine_config config = {
        .connections = tg_policy_connections(live->config->policy),
        .workers = live->config->workers + WORKERS_BESIDES,
    };
    if (getrandom(config.secret, sizeof config.secret, 0) != sizeof config.secret) {
        say("no random numbers: %s", strerror(errno));
        return -EIO;
    }
    live->engine = tg_engine_new(&config);
    if (live->engine != NULL)
        return 0;
    say("no memory for the connections: %zu kB are needed; `connections max` in the rules file sets their number",
        tg_engine_size(&config) / 1024);
    return -ENOMEM;
}

static int open_network(struct live *live)
{
    int error = netview_open(&live->netview, live->config->policy);
    if (error == 0)
        error = netview_read(live->netview, &live->view);
    if (error == 0)
        error = tg_engine_load(live->engine, live->config->policy, view_network(live->view));
    if (error != 0)
        say("reading interfaces, addresses and routes: %s", strerror(-error));
    atomic_init(&live->workers.view, live->view);
    return error;
}

static int find_hooks(struct live *live)
{
    const struct live_config *config = live->config;
    int error = hooks_plan_make(&live->plan, config->policy, config->queue, config->workers);
    if (error != 0) {
        say("%s", strerror(-error));
        return error;
    }
    live->way = hooks_find(&live->plan, stderr);
    if (live->way != NULL)
        return 0;
    say("the kernel cannot be made to ask: nft with the queue statement (OpenWrt: kmod-nft-queue) or iptables with "
        "NFQUEUE, MARK, mark and addrtype is needed");
    return -EOPNOTSUPP;
}

static int install_hooks(struct live *live)
{
    int error = hooks_install(live->way, &live->plan, stderr);
    if (error != 0)
        say("the hooks could not be put in");
    return error;
}

static int open_events(struct live *live)
{
    live->signal_fd = signalfd(-1, &live->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    live->workers.failed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (live->signal_fd >= 0 && live->workers.failed >= 0)
        return 0;
    int error = -errno;
    say("%s", strerror(errno));
    return error;
}

static int open_log(struct live *live)
{
    int error = logger_open(&live->logger);
    if (error != 0)
        say("starting the log: %s", strerror(-error));
    live->workers.logger = live->logger;
    return error;
}

static int start_workers(struct live *live)
{
    int error = workers_start(&live->workers);
    if (error != 0)
        say("starting %u workers: %s", live->config->workers, strerror(-error));
    return error;
}

static bool forwards(const char *setting)
{
    char value = '1';
    FILE *file = fopen(setting, "re");
    if (file != NULL && fscanf(file, "%c", &value) != 1)
        value = '1';
    if (file != NULL)
        fclose(file);
    return value != '0';
}

/* Addresses that may change at any time, so that no rules file can be checked for it. */
static void note_clashes(const struct live *live)
{
    const struct tg_policy *policy = live->config->policy;
    const struct tg_network *network = view_network(live->view);
    const struct tg_prefix *own;
    uint8_t zone, other;
    for (size_t i = 0; (own = tg_network_address(network, i, &zone)) != NULL; i++) {
        const struct tg_zone *mine = tg_policy_zone(policy, zone);
        if (mine == NULL || !tg_network_clashes(network, i, &other) || tg_policy_zone(policy, other) == NULL)
            continue;
        char text[TG_ADDR_TEXT];
        say("warning: %s, the router's address on zone %s, is in the network of zone %s: who is on either side of it "
            "cannot be told apart",
            tg_addr_format(own->family, own->addr, text), mine->name, tg_policy_zone(policy, other)->name);
    }
}

/* What is no mistake, yet often is one. */
static void note_oddities(const struct live *live)
{
    const struct tg_policy *policy = live->config->policy;
    for (uint8_t i = TG_ZONE_FIRST; i < tg_policy_zone_count(policy); i++) {
        const struct tg_zone *zone = tg_policy_zone(policy, i);
        if (zone->interface_count != 0 && !view_has_zone(live->view, i))
            say("note: zone %s has no interface yet (%s%s)", zone->name, zone->interfaces[0],
                zone->interface_count > 1 ? ", …" : "");
    }
    if (netview_knows_no_sockets(live->netview))
        say("note: this kernel does not tell of sockets (OpenWrt: kmod-inet-diag), so a port at which this machine "
            "listens "
            "may be given to a connection from inside");
    if (!forwards("/proc/sys/net/ipv4/ip_forward"))
        say("note: this machine forwards no IPv4 packets: net.ipv4.ip_forward is 0");
}

static void say_ready(const struct live *live)
{
    const struct live_config *config = live->config;
    note_oddities(live);
    note_clashes(live);
    say("ready: %s, %zu statements; %u worker%s, queues %u-%u, hooks by %s", config->rules,
        tg_policy_statement_count(config->policy), config->workers, config->workers == 1 ? "" : "s", config->queue,
        config->queue + LIVE_QUEUES * config->workers + LIVE_QUEUES_BESIDES - 1, live->way->name);
}

/* ---- watching ---- */

/* Read the network anew, and judge by that from now on. Where that fails, what was known stays known, and it is tried
 * again. */
static void follow_network(struct live *live)
{
    struct view *view = NULL;
    int error = netview_read(live->netview, &view);
    if (error == 0 && view_equal(view, live->view)) {
        view_free(view);
        return;
    }
    if (error == 0)
        error = tg_engine_load(live->engine, live->config->policy, view_network(view));
    if (error != 0) {
        say("reading interfaces, addresses and routes anew: %s", strerror(-error));
        view_free(view);
        live->changed_first = live->changed_last = milliseconds();
        return;
    }
    (void)workers_switch_view(&live->workers, view);
    view_free(live->view);
    live->view = view;
    note_clashes(live);
}

/* => milliseconds until follow_network() is due, or -1 if it is not */
static int follow_due(const struct live *live)
{
    if (live->changed_first == 0)
        return -1;
    uint64_t now = milliseconds(), quiet = live->changed_last + QUIET, longest = live->changed_first + LONGEST;
    uint64_t due = quiet < longest ? quiet : longest;
    return due <= now ? 0 : (int)(due - now);
}

/* Follow the network, or look for sockets, if it is time to.
 * => milliseconds until it is again */
static int keep_up(struct live *live)
{
    uint64_t now = milliseconds();
    if (live->look_at <= now) {
        live->look_at = now + LOOK;
        if (netview_look_for_sockets(live->netview, live->view))
            follow_network(live);
    }
    if (follow_due(live) == 0) {
        live->changed_first = 0;
        follow_network(live);
    }
    int look = (int)(live->look_at - now), follow = follow_due(live);
    return follow >= 0 && follow < look ? follow : look;
}

/* => 0 when a signal says that it is enough, or -errno: a worker cannot go on */
static int watch(struct live *live)
{
    enum { SIGNALS, FAILED, NETWORK, LOCK, COUNT };
    struct pollfd fds[COUNT] = {
        [SIGNALS] = {.fd = live->signal_fd, .events = POLLIN},
        [FAILED] = {.fd = live->workers.failed, .events = POLLIN},
        [NETWORK] = {.fd = netview_fd(live->netview), .events = POLLIN},
        [LOCK] = {.fd = live->lock_fd, .events = POLLIN},
    };
    live->look_at = milliseconds() + LOOK;
    for (;;) {
        int ready = poll(fds, COUNT, keep_up(live));
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready > 0 && fds[SIGNALS].revents != 0)
            return 0;
        if (ready > 0 && fds[FAILED].revents != 0)
            return -EIO;
        if (ready > 0 && fds[LOCK].revents != 0)
            lock_serve(live->lock_fd);
        if (ready > 0 && fds[NETWORK].revents != 0 && netview_changed(live->netview)) {
            live->changed_last = milliseconds();
            if (live->changed_first == 0)
                live->changed_first = live->changed_last;
        }
    }
}

/* ---- ending ---- */

static void say_totals(const struct live *live)
{
    struct tg_counters counters;
    struct tg_population population;
    struct worker_totals totals;
    tg_engine_counters(live->engine, &counters);
    tg_engine_population(live->engine, &population);
    workers_totals(&live->workers, &totals);
    uint64_t by[TG_ACTIONS] = {0};
    for (int action = 0; action < TG_ACTIONS; action++)
        for (int reason = 0; reason < TG_REASONS; reason++)
            by[action] += counters.verdicts[action][reason];
    say("stopped: %" PRIu64 " packets: %" PRIu64 " accepted, %" PRIu64 " dropped, %" PRIu64
        " rejected; connections: %u at most",
        counters.packets, by[TG_ACCEPT], by[TG_DROP], by[TG_REJECT], population.peak);
    const struct {
        uint64_t count;
        const char *what;
    } losses[] = {
        {totals.losses.full, "dropped by the kernel, unseen: too many were waiting"},
        {totals.losses.buffer, "dropped by the kernel, unseen: the workers' buffers were full"},
        {totals.losses.unsent, "dropped: the kernel had no memory for their verdicts"},
        {totals.losses.refused, "gone before their verdict reached the kernel"},
        {totals.unfinished, "dropped: they could not be translated"},
        {totals.left, "dropped: fragments that were to wait when all else had ended"},
        {totals.told, "dropped for want of room or ports, their senders told"},
        {totals.held_back, "refused without an answer: too many at once, or no way back"},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (losses[i].count != 0)
            say("  %" PRIu64 " packets %s", losses[i].count, losses[i].what);
}

/* No worker may run. */
static void close_log(struct live *live)
{
    logger_close(live->logger);
    live->logger = live->workers.logger = NULL;
}

static int end(struct live *live)
{
    notify_manager("STOPPING=1");
    int error = hooks_remove(live->way, stderr);
    workers_stop(&live->workers);
    close_log(live);
    say_totals(live);
    if (error == 0)
        say("the hooks are out: packets pass unjudged from now on");
    else
        say("the hooks could not be taken out: the kernel drops what they ask about");
    return error;
}

/* Those that came are done with: unblocked, they would end the process. */
static void give_signals_back(struct live *live)
{
    const struct timespec now = {.tv_sec = 0};
    while (sigtimedwait(&live->signals, NULL, &now) > 0)
        continue;
    pthread_sigmask(SIG_SETMASK, &live->old_signals, NULL);
    sigaction(SIGPIPE, &live->old_pipe, NULL);
}

static void close_all(struct live *live)
{
    workers_close(&live->workers);
    close_log(live);
    netview_close(live->netview);
    view_free(live->view);
    tg_engine_free(live->engine);
    hooks_plan_free(&live->plan);
    const int fds[] = {live->signal_fd, live->workers.failed, live->lock_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    give_signals_back(live);
}

/* Signals are read from a descriptor by the main thread, and by no other. Who reads the output may go away. */
static void take_signals(struct live *live)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&live->signals);
    sigaddset(&live->signals, SIGTERM);
    sigaddset(&live->signals, SIGINT);
    sigaddset(&live->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &live->signals, &live->old_signals);
    sigaction(SIGPIPE, &ignore, &live->old_pipe);
}

int live_run(const struct live_config *config)
{
    static int (*const steps[])(struct live *) = {take_lock,  open_events, open_engine,   open_workers, open_network,
                                                  find_hooks, open_log,    start_workers, install_hooks};
    struct live live = {.config = config, .signal_fd = -1, .lock_fd = -1, .workers = {.failed = -1}};
    int error = 0;
    take_signals(&live);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && error == 0; i++)
        error = steps[i](&live);
    if (error == 0) {
        say_ready(&live);
        notify_manager("READY=1");
        error = watch(&live);
        if (error == 0)
            error = end(&live);
        else
            say("the hooks stay: the kernel drops what they would have asked about, until tidegate runs again");
    }
    workers_stop(&live.workers);
    close_all(&live);
    return error;
}
