/* Forgers who do not see the traffic: they know who speaks to whom, and the outside port, and guess the rest.
 *
 * Each attack is tried on each flow three times, and after none of them may anything be otherwise than without it:
 *   - at once, and the flow lives for as long as one does that was left alone (nothing ends, no timer is shorter);
 *   - just before its time is over, and then it is over (nothing is refreshed);
 *   - in the midst, and then it goes on to its ordinary end.
 * What one can do who does see the traffic is shown beside it, so that the attacks do not miss for want of aim.
 */
#include "house.h"

/* What is attacked. The forger outside speaks in the name of one end to the other. */
struct flow {
    const char *name;
    const char *in, *out; /* ends of packets as they come from inside, and from outside, where %u is the port that was
                             given out for 5000, which another has taken before */
    uint8_t scale;        /* of both sides' windows, if they have any */
};

static const struct flow flows[] = {
    {"masqueraded", "192.168.1.9:5000 > 198.51.100.1:80", "198.51.100.1:80 > 203.0.113.1:%u", 0},
    {"with large windows", "192.168.1.9:5000 > 198.51.100.1:80", "198.51.100.1:80 > 203.0.113.1:%u", 4},
    {"forwarded", "192.168.1.50:80 > 198.51.100.9:4000", "198.51.100.9:4000 > 203.0.113.1:8080", 0},
    {"ipv6", "[fd00:1::9]:5000 > [2001:db8:9::1]:80", "[2001:db8:9::1]:80 > [fd00:1::9]:5000", 0},
};

enum { WINDOW = 65535, LIFE = 7440 };

/* One flow in its house. Numbers are of the segment to come next: `in` by the host inside, `out` by the other. */
struct scene {
    struct house h;
    const struct flow *flow;
    char out[100];
    uint32_t seq_in, seq_out;
    struct bytes left; /* the last segment from inside, as it left */
};

static void write_port(char to[static 100], const char *ends, uint16_t port)
{
    const char *number = strstr(ends, "%u");
    if (number == NULL)
        snprintf(to, 100, "%s", ends);
    else
        snprintf(to, 100, "%.*s%u%s", (int)(number - ends), ends, port, number + 2);
}

static void must_pass(struct scene *s, uint8_t zone, struct bytes b)
{
    judge(&s->h, zone, &b);
    CHECK(s->flow->name, s->h.verdict.action == TG_ACCEPT);
    if (zone == LAN)
        s->left = s->h.bytes;
}

static struct bytes segment(const char *ends, unsigned flags, uint32_t seq, uint32_t ack, uint32_t payload,
                            uint8_t scale)
{
    uint8_t option[] = {1, 3, 3, scale};
    bool has = scale != 0 && (flags & SYN);
    return tcp_with_options(ends, flags, seq, ack, payload, WINDOW, option, has ? sizeof option : 0);
}

static void say_in(struct scene *s, unsigned flags, uint32_t payload)
{
    must_pass(s, LAN, segment(s->flow->in, flags, s->seq_in, s->seq_out, payload, s->flow->scale));
    s->seq_in += payload + !!(flags & SYN) + !!(flags & FIN);
}

static void say_out(struct scene *s, unsigned flags, uint32_t payload)
{
    must_pass(s, WAN, segment(s->out, flags, s->seq_out, s->seq_in, payload, s->flow->scale));
    s->seq_out += payload + !!(flags & SYN) + !!(flags & FIN);
}

static struct scene open_scene(const struct flow *flow)
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    struct scene s = {.h = open_house(policy, 64, 1), .flow = flow, .seq_in = 0xfffff000, .seq_out = 0x7ffff000};
    struct bytes decoy = tcp("192.168.1.8:5000 > 198.51.100.7:80", SYN, 1, 0, 0);
    judge(&s.h, LAN, &decoy); /* a port that is kept proves nothing */
    write_port(s.out, flow->out, 0);
    bool is_begun_inside = strstr(flow->out, ":8080") == NULL;
    if (is_begun_inside) {
        must_pass(&s, LAN, segment(flow->in, SYN, s.seq_in++, 0, 0, flow->scale));
        write_port(s.out, flow->out, left_from(&s.h));
        say_out(&s, SYN | ACK, 0);
        say_in(&s, ACK, 0);
    } else {
        must_pass(&s, WAN, segment(s.out, SYN, s.seq_out++, 0, 0, flow->scale));
        say_in(&s, SYN | ACK, 0);
        say_out(&s, ACK, 0);
    }
    say_in(&s, ACK | PSH, 1000);
    say_out(&s, ACK | PSH, 1460);
    say_in(&s, ACK, 0);
    say_out(&s, ACK, 0);
    return s;
}

/* Whether the hosts still speak, and then as they would. */
static void goes_on(struct scene *s)
{
    say_in(s, ACK | PSH, 100);
    say_out(s, ACK | PSH, 1460);
    say_in(s, ACK, 0);
}

static void goes_on_to_its_end(struct scene *s)
{
    goes_on(s);
    say_in(s, FIN | ACK, 0);
    say_out(s, ACK, 0);
    say_out(s, FIN | ACK, 0);
    say_in(s, ACK, 0);
}

/* A keepalive from inside: with it nothing is learnt that was not known. */
static bool is_alive(struct scene *s)
{
    struct bytes b = tcp(s->flow->in, ACK, s->seq_in - 1, s->seq_out, 0);
    judge(&s->h, LAN, &b);
    return s->h.verdict.reason == TG_REASON_ESTABLISHED;
}

/* One forged segment, whose checksum need not be right. A flood of them is no test of all that house.h looks at. */
static enum tg_action forge_at(struct house *h, const struct bytes *b)
{
    memcpy(h->bytes.at, b->at, b->len);
    h->packet = (struct tg_packet){.data = h->bytes.at, .len = b->len, .wire_len = b->len};
    struct tg_arrival arrival = {.now = h->now, .zone_in = WAN};
    enum tg_decoded decoded = tg_packet_decode(&h->packet, TG_DECODE_TRUST_CHECKSUM);
    tg_engine_judge(h->engine, 0, &h->packet, decoded, &arrival, &h->verdict);
    return h->verdict.action;
}

static enum tg_action forge(struct scene *s, struct bytes b)
{
    return forge_at(&s->h, &b);
}

typedef void attack_fn(struct scene *s);

static void try(attack_fn *attack)
{
    for (size_t i = 0; i < COUNT(flows); i++) {
        struct scene s = open_scene(&flows[i]);
        uint32_t connections = connections_of(&s.h);
        attack(&s);
        CHECK_EQUAL(flows[i].name, connections_of(&s.h), connections);
        wait_for(&s.h, LIFE);
        CHECK(flows[i].name, is_alive(&s));
        close_house(&s.h);

        s = open_scene(&flows[i]);
        wait_for(&s.h, LIFE - 1);
        attack(&s);
        wait_for(&s.h, 1.1);
        CHECK(flows[i].name, !is_alive(&s));
        close_house(&s.h);

        s = open_scene(&flows[i]);
        attack(&s);
        goes_on_to_its_end(&s);
        close_house(&s.h);
    }
}

/* The same segment with another number. */
static void renumber(struct bytes *b, uint32_t seq, uint32_t ack)
{
    put32(transport(b) + 4, seq);
    put32(transport(b) + 8, ack);
}

/* ---- resets ---- */

/* Over all numbers in steps of the window, from a place where none hits exactly (RFC 5961 3). */
static void resets_over_all_numbers(struct scene *s, unsigned flags, uint32_t step)
{
    struct bytes b = segment(s->out, flags, 0, 0, 0, 0);
    uint64_t random = 77;
    for (uint64_t offset = 1; offset < UINT64_C(1) << 32; offset += step) {
        renumber(&b, s->seq_out + (uint32_t)offset, flags & ACK ? random32(&random) : 0);
        CHECK(s->flow->name, forge(s, b) == TG_DROP);
    }
}

static void a_series_of_resets(struct scene *s)
{
    resets_over_all_numbers(s, RST, WINDOW);
}

static void a_series_of_resets_with_acknowledgements(struct scene *s)
{
    resets_over_all_numbers(s, RST | ACK, WINDOW);
}

static void resets_all_around(struct scene *s)
{
    struct bytes b = segment(s->out, RST, 0, 0, 0, 0);
    for (int32_t offset = -5000; offset <= 5000; offset++) {
        if (offset == 0)
            continue;
        renumber(&b, s->seq_out + (uint32_t)offset, 0);
        CHECK(s->flow->name, forge(s, b) == TG_DROP);
    }
}

static void a_reset_with_data(struct scene *s)
{
    struct bytes b = segment(s->out, RST | ACK, 0, 0, 100, 0);
    for (uint32_t offset = 1; offset < WINDOW; offset += 97) {
        renumber(&b, s->seq_out + offset, s->seq_in);
        CHECK(s->flow->name, forge(s, b) == TG_DROP);
    }
}

TEST(resets_end_nothing)
{
    try(a_series_of_resets);
    try(a_series_of_resets_with_acknowledgements);
    try(resets_all_around);
    try(a_reset_with_data);
}

/* ---- SYNs ---- */

/* They pass, for their receiver to challenge (RFC 5961 4), and change nothing. */
static void syns(struct scene *s)
{
    static const unsigned kinds[] = {SYN, SYN | ACK, SYN | PSH, SYN | URG};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct bytes b = segment(s->out, kinds[k], 0, 0, 0, 7);
        for (uint64_t offset = 0; offset < UINT64_C(1) << 32; offset += 1 << 20) {
            renumber(&b, s->seq_out + (uint32_t)offset, kinds[k] & ACK ? s->seq_in - (uint32_t)offset : 0);
            forge(s, b);
        }
    }
}

static void syns_within_the_window(struct scene *s)
{
    struct bytes b = segment(s->out, SYN, 0, 0, 100, 0);
    for (int32_t offset = -300; offset < 300; offset++) {
        renumber(&b, s->seq_out + (uint32_t)offset, 0);
        forge(s, b);
        CHECK(s->flow->name, s->h.verdict.reason == TG_REASON_ESTABLISHED);
    }
}

/* What the challenge leads to where the SYN was forged: nothing. */
static void a_syn_and_its_challenge(struct scene *s)
{
    forge(s, segment(s->out, SYN, s->seq_out + 12345, 0, 0, 0));
    struct bytes none = segment(s->out, RST, s->seq_out + 12346, 0, 0, 0);
    CHECK(s->flow->name, forge(s, none) == TG_DROP);
}

TEST(syns_end_nothing)
{
    try(syns);
    try(syns_within_the_window);
    try(a_syn_and_its_challenge);
}

/* ---- data and ends ---- */

/* With a guessed number and a guessed acknowledgement; one of both may hit. */
static void guessed(struct scene *s, unsigned flags, uint32_t payload, bool hits_seq, bool hits_ack)
{
    struct bytes b = segment(s->out, flags, 0, 0, payload, 0);
    uint64_t random = 4711;
    uint32_t most = 1 << 20; /* windows of these flows, shifted */
    for (int n = 0; n < 20000; n++) {
        uint32_t seq = random32(&random), ack = random32(&random);
        if (!hits_seq && s->seq_out + 2 * most - seq < 4 * most)
            seq += 0x40000000;
        if (!hits_ack && s->seq_in + 2 * most - ack < 4 * most)
            ack += 0x40000000;
        renumber(&b, hits_seq ? s->seq_out : seq, hits_ack ? s->seq_in : ack);
        CHECK(s->flow->name, forge(s, b) == TG_DROP);
    }
}

static void guessed_data(struct scene *s)
{
    guessed(s, ACK | PSH, 100, false, false);
    guessed(s, ACK | PSH, 100, true, false);
    guessed(s, ACK | PSH, 100, false, true);
}

static void guessed_ends(struct scene *s)
{
    guessed(s, FIN | ACK, 0, false, false);
    guessed(s, FIN | ACK, 0, true, false);
    guessed(s, FIN | ACK, 100, false, true);
}

static void guessed_acknowledgements(struct scene *s)
{
    guessed(s, ACK, 0, false, false);
    guessed(s, ACK, 0, true, false);
    guessed(s, ACK | URG, 0, false, true);
}

TEST(data_and_ends_end_nothing)
{
    try(guessed_data);
    try(guessed_ends);
    try(guessed_acknowledgements);
}

/* ---- wrong ends ---- */

/* From the other's neighbours, and to the ports beside. */
static void exact_numbers_from_elsewhere(struct scene *s)
{
    static const unsigned kinds[] = {RST, RST | ACK, ACK, FIN | ACK, ACK | PSH, SYN | ACK};
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (int where = 0; where < 4; where++) {
            struct bytes b = segment(s->out, kinds[k], s->seq_out, s->seq_in, 0, 0);
            uint8_t *ports = transport(&b), *src = b.at + (b.at[0] >> 4 == 4 ? 15 : 23);
            if (where < 2)
                put16(ports + 2 * where, get16(ports + 2 * where) ^ 1);
            else
                *src ^= (uint8_t)where;
            seal_checksums(&b);
            judge(&s->h, WAN, &b);
            CHECK(s->flow->name, s->h.verdict.action == TG_DROP);
        }
}

/* Somebody else's network inside cannot speak for either of them. */
static void exact_numbers_by_another_zone(struct scene *s)
{
    struct bytes in = segment(s->flow->in, RST | ACK, s->seq_in, s->seq_out, 0, 0);
    judge(&s->h, WAN, &in);
    CHECK(s->flow->name, s->h.verdict.action == TG_DROP);
    if (in.at[0] >> 4 != 4) /* the guests have IPv4 alone, so nothing of IPv6 is false there */
        return;
    struct bytes out = segment(s->out, RST | ACK, s->seq_out, s->seq_in, 0, 0);
    judge(&s->h, GUEST, &in);
    CHECK(s->flow->name, s->h.verdict.action == TG_DROP);
    judge(&s->h, GUEST, &out);
    CHECK(s->flow->name, s->h.verdict.action == TG_DROP);
}

TEST(other_ends_end_nothing)
{
    try(exact_numbers_from_elsewhere);
    try(exact_numbers_by_another_zone);
}

/* ---- ICMP errors ---- */

/* Every type and code, quoting `about`.
 * => how many were let in */
static unsigned errors_of_all_kinds(struct scene *s, const struct bytes *about, uint32_t quoted)
{
    bool is_ipv4 = about->at[0] >> 4 == 4;
    static const char *const senders[2][2] = {
        {"[2001:db8:77::66] > [fd00:1::9]", "[2001:db8:9::1] > [fd00:1::9]"},
        {"192.0.2.66 > 203.0.113.1", "198.51.100.1 > 203.0.113.1"},
    };
    unsigned passed = 0;
    for (int sender = 0; sender < 2; sender++) {
        struct bytes b = icmp_error(senders[is_ipv4][sender], 0, 0, about, quoted);
        uint8_t *message = transport(&b);
        put16(message + 6, 68);                                         /* too big: the smallest size there is */
        for (unsigned type = 0; type < (is_ipv4 ? 256 : 128); type++) { /* the rest of ICMPv6 is no error */
            if (is_ipv4 && (type == 8 || type == 13 || type == 15 || type == 17))
                continue; /* questions, which begin something where they may */
            for (unsigned code = 0; code < 18; code++) {
                message[0] = (uint8_t)type;
                message[1] = (uint8_t)code;
                passed += forge_at(&s->h, &b) == TG_ACCEPT;
            }
        }
    }
    return passed;
}

static void errors_that_quote_rightly(struct scene *s)
{
    uint32_t least = (uint32_t)(transport(&s->left) - s->left.at) + 8;
    CHECK(s->flow->name, errors_of_all_kinds(s, &s->left, UINT32_MAX) != 0);
    CHECK(s->flow->name, errors_of_all_kinds(s, &s->left, least) != 0);
}

/* A quote with a number that has not been sent of late is nobody's who has seen it (RFC 5927 4.1). */
static void errors_that_quote_other_numbers(struct scene *s)
{
    static const uint32_t wrong[] = {1, 70000 + (1 << 20), 0x80000000, UINT32_MAX - 70000 - (1 << 20)};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct bytes about = s->left;
        renumber(&about, s->seq_in + wrong[i], s->seq_out);
        CHECK_EQUAL(s->flow->name, errors_of_all_kinds(s, &about, UINT32_MAX), 0);
    }
}

static void errors_that_quote_no_number(struct scene *s)
{
    uint32_t at = (uint32_t)(transport(&s->left) - s->left.at);
    CHECK_EQUAL(s->flow->name, errors_of_all_kinds(s, &s->left, at + 7), 0);
    CHECK_EQUAL(s->flow->name, errors_of_all_kinds(s, &s->left, at + 4), 0);
    CHECK_EQUAL(s->flow->name, errors_of_all_kinds(s, &s->left, at), 0);
}

static void errors_that_quote_other_ends(struct scene *s)
{
    for (int where = 0; where < 4; where++) {
        struct bytes about = s->left;
        uint8_t *ports = transport(&about), *dst = about.at + (about.at[0] >> 4 == 4 ? 19 : 39);
        if (where < 2)
            put16(ports + 2 * where, get16(ports + 2 * where) ^ 1);
        else
            *dst ^= (uint8_t)where;
        seal_checksums(&about);
        CHECK_EQUAL(s->flow->name, errors_of_all_kinds(s, &about, UINT32_MAX), 0);
    }
}

TEST(errors_end_nothing)
{
    try(errors_that_quote_rightly);
    try(errors_that_quote_other_numbers);
    try(errors_that_quote_no_number);
    try(errors_that_quote_other_ends);
}

/* ---- while it opens, and when it is over ---- */

/* A SYN from inside that has not been answered: nobody can refuse or answer it who has not seen its number. */
TEST(nobody_answers_for_the_other)
{
    for (int kind = 0; kind < 4; kind++) {
        static const unsigned kinds[] = {RST, RST | ACK, SYN | ACK, FIN | ACK};
        struct house h = open_home();
        EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 198.51.100.1:80", SYN, 1000, 0, 0),
               "accept rule -> 203.0.113.1:5000 > 198.51.100.1:80");
        struct bytes b = tcp("198.51.100.1:80 > 203.0.113.1:5000", kinds[kind], 0, 0, 0);
        for (uint64_t number = 0; number < UINT64_C(1) << 32; number += WINDOW) {
            renumber(&b, (uint32_t)number + 1001, kinds[kind] & ACK ? (uint32_t)number : 0);
            CHECK("opening", forge_at(&h, &b) == TG_DROP);
        }
        wait_for(&h, 240);
        EXPECT(&h, WAN, tcp("198.51.100.1:80 > 203.0.113.1:5000", SYN | ACK, 5000, 1001, 0),
               "accept established -> 198.51.100.1:80 > 192.168.1.9:5000");
        EXPECT(&h, LAN, tcp("192.168.1.9:5000 > 198.51.100.1:80", ACK, 1001, 5001, 0),
               "accept established -> 203.0.113.1:5000 > 198.51.100.1:80");
        close_house(&h);
    }
}

/* A SYN in a client's name whom a forward lets in, and what the forger says then, not having seen the answer: it stays
 * a connection that opens, with no more than its time. */
TEST(nobody_ends_a_handshake_that_he_does_not_see)
{
    const char *const forged = "198.51.100.9:4000 > 203.0.113.1:8080", *const camera =
                                                                           "192.168.1.50:80 > 198.51.100.9:4000";
    static const unsigned kinds[] = {ACK, FIN | ACK, ACK | PSH, RST};
    for (size_t kind = 0; kind < COUNT(kinds); kind++) {
        struct tg_policy *policy = home_policy();
        add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
        struct house h = open_house(policy, 64, 1);
        EXPECT(&h, WAN, tcp(forged, SYN, 1000, 0, 0), "accept forward -> 198.51.100.9:4000 > 192.168.1.50:80");
        EXPECT(&h, LAN, tcp(camera, SYN | ACK, 0x89abcdef, 1001, 0),
               "accept established -> 203.0.113.1:8080 > 198.51.100.9:4000");
        struct bytes b = tcp(forged, kinds[kind], 1001, 0, 0);
        for (uint64_t ack = 0; ack < UINT64_C(1) << 32; ack += 32768) {
            renumber(&b, kinds[kind] & ACK ? 1001 : (uint32_t)ack, kinds[kind] & ACK ? (uint32_t)ack : 0);
            CHECK("handshake", forge_at(&h, &b) == TG_DROP);
        }
        wait_for(&h, 240.1);
        EXPECT(&h, LAN, tcp(camera, SYN | ACK, 0x89abcdef, 1001, 0), "drop invalid");
        close_house(&h);
    }
}

/* ---- flows without numbers ---- */

/* UDP and ICMP have nothing to guess but ports and identifiers. From elsewhere nothing comes in, and nothing of the
 * flow's is changed by it. */
struct plain {
    const char *name;
    struct bytes out, back, wrong[8];
    size_t wrong_count;
    double seconds;
};

static void check_plain(const struct plain *row)
{
    for (int when = 0; when < 2; when++) { /* the forger comes at once, or just before its time is over */
        struct house h = open_home();
        judge(&h, LAN, &row->out);
        CHECK(row->name, h.verdict.action == TG_ACCEPT);
        struct bytes left = h.bytes;
        wait_for(&h, when == 0 ? 0 : row->seconds - 1);
        for (size_t i = 0; i < row->wrong_count; i++) {
            judge(&h, WAN, &row->wrong[i]);
            CHECK(row->name, h.verdict.action == TG_DROP);
        }
        for (unsigned type = 0; type < 256; type++)
            for (unsigned code = 0; code < 18; code++) {
                struct bytes error = icmp_error("192.0.2.66 > 203.0.113.1", (uint8_t)type, (uint8_t)code, &left, 28);
                judge(&h, WAN, &error);
            }
        assert_int_equal(connections_of(&h), 1);
        wait_for(&h, when == 0 ? row->seconds : 1.1);
        judge(&h, WAN, &row->back);
        CHECK_EQUAL(row->name, h.verdict.action, when == 0 ? TG_ACCEPT : TG_DROP);
        close_house(&h);
    }
}

TEST(flows_without_numbers)
{
    const char *const lan = "192.168.1.9:5000 > 198.51.100.1:53";
    const struct plain rows[] = {
        {"udp",
         udp(lan, 16),
         udp("198.51.100.1:53 > 203.0.113.1:5000", 16),
         {udp("198.51.100.1:54 > 203.0.113.1:5000", 16), udp("198.51.100.2:53 > 203.0.113.1:5000", 16),
          udp("198.51.100.1:53 > 203.0.113.1:5001", 16), udp("198.51.100.1:53 > 203.0.113.2:5000", 16),
          datagram(136, "198.51.100.1:53 > 203.0.113.1:5000", 16),
          tcp("198.51.100.1:53 > 203.0.113.1:5000", RST, 1, 0, 0), udp("198.51.100.1:53 > 192.168.1.9:5000", 16),
          udp("192.168.1.9:5000 > 198.51.100.1:53", 16)},
         8,
         120},
        {"ping",
         ping("192.168.1.9 > 198.51.100.1", 7),
         pong("198.51.100.1 > 203.0.113.1", 7),
         {pong("198.51.100.2 > 203.0.113.1", 7), pong("198.51.100.1 > 203.0.113.1", 8),
          query("198.51.100.1 > 203.0.113.1", 14, 7), query("198.51.100.1 > 203.0.113.1", 8, 7),
          pong("198.51.100.1 > 192.168.1.9", 7), ping("192.168.1.9 > 198.51.100.1", 7)},
         6,
         60},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check_plain(&rows[i]);
}

/* ---- and who does see the traffic ---- */

/* The attacks aim well: one number less or more, and they hit. */
TEST(who_sees_the_traffic_can_end_it)
{
    for (size_t i = 0; i < COUNT(flows); i++) {
        struct scene s = open_scene(&flows[i]);
        bool is_ipv4 = s.left.at[0] >> 4 == 4;
        const char *error = is_ipv4 ? "192.0.2.66 > 203.0.113.1" : "[2001:db8:77::66] > [fd00:1::9]";
        CHECK(flows[i].name, forge(&s, icmp_error(error, is_ipv4 ? 3 : 1, 0, &s.left, UINT32_MAX)) == TG_ACCEPT);
        CHECK(flows[i].name, forge(&s, segment(s.out, RST, s.seq_out, 0, 0, 0)) == TG_ACCEPT);
        wait_for(&s.h, 240.1);
        CHECK(flows[i].name, !is_alive(&s));
        close_house(&s.h);

        s = open_scene(&flows[i]);
        wait_for(&s.h, LIFE - 1);
        CHECK(flows[i].name, forge(&s, segment(s.out, ACK, s.seq_out, s.seq_in, 0, 0)) == TG_ACCEPT);
        wait_for(&s.h, 1.1);
        CHECK(flows[i].name, is_alive(&s));
        close_house(&s.h);
    }
}

/* And where the reset was not one for its receiver, which knows better, the next segment has all as it was. */
TEST(what_its_receiver_ignores_ends_nothing)
{
    for (size_t i = 0; i < COUNT(flows); i++) {
        struct scene s = open_scene(&flows[i]);
        CHECK(flows[i].name, forge(&s, segment(s.out, RST, s.seq_out, 0, 0, 0)) == TG_ACCEPT);
        goes_on(&s);
        wait_for(&s.h, LIFE);
        goes_on_to_its_end(&s);
        close_house(&s.h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resets_end_nothing),
        cmocka_unit_test(syns_end_nothing),
        cmocka_unit_test(data_and_ends_end_nothing),
        cmocka_unit_test(other_ends_end_nothing),
        cmocka_unit_test(errors_end_nothing),
        cmocka_unit_test(nobody_answers_for_the_other),
        cmocka_unit_test(nobody_ends_a_handshake_that_he_does_not_see),
        cmocka_unit_test(flows_without_numbers),
        cmocka_unit_test(who_sees_the_traffic_can_end_it),
        cmocka_unit_test(what_its_receiver_ignores_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
