/* Lives of TCP connections, written down and played to the machine of src/connection/tcp.h.
 *
 * A row is a connection. Each of its lines is a segment and what must be said of it:
 *
 *   DIRECTION FLAGS SEQ[+BYTES] [ack N] [win N] [ws N] = JUDGEMENT STATE
 *
 * DIRECTION is > for the beginner and < for the other side; FLAGS are of SAFRPU; `win` is 10000 if it is not said, `ws`
 * is the window scale option of a SYN. JUDGEMENT is pass, tolerate, refuse or begin, STATE what the connection is in
 * afterwards. After `begin` the line's segment opens the connection anew, as the engine would have it, and its sender
 * is the beginner from then on.
 */
#ifndef TESTS_LIVES_H
#define TESTS_LIVES_H

#include "connection/tcp.h"
#include "packets.h"
#include "unit.h"

struct life {
    const char *name;
    const char *lines[26];
};

static inline unsigned read_flags(const char *letters)
{
    unsigned flags = 0;
    for (; *letters != '\0'; letters++)
        switch (*letters) {
        case 'S': flags |= SYN; break;
        case 'A': flags |= ACK; break;
        case 'F': flags |= FIN; break;
        case 'R': flags |= RST; break;
        case 'P': flags |= PSH; break;
        case 'U': flags |= URG; break;
        default: fail_msg("not a flag: %c", *letters);
        }
    return flags;
}

struct segment {
    enum conn_direction direction;
    struct tg_packet packet;
    char judgement[16], state[16];
};

static inline struct segment read_segment(const char *line)
{
    struct segment s = {.packet.kind = TG_TRANSPORT_TCP, .packet.tcp.window = 10000};
    char copy[160], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", line);
    s.direction = strtok_r(rest, " ", &rest)[0] == '>' ? CONN_ORIGINAL : CONN_REPLY;
    s.packet.tcp.flags = (uint8_t)read_flags(strtok_r(NULL, " ", &rest));
    word = strtok_r(NULL, " ", &rest);
    s.packet.tcp.seq = (uint32_t)strtoul(word, &word, 10);
    s.packet.tcp.payload = *word == '+' ? (uint32_t)strtoul(word + 1, NULL, 10) : 0;
    while ((word = strtok_r(NULL, " ", &rest)) != NULL && strcmp(word, "=") != 0) {
        uint32_t number = (uint32_t)strtoul(strtok_r(NULL, " ", &rest), NULL, 10);
        if (strcmp(word, "ack") == 0)
            s.packet.tcp.ack = number;
        else if (strcmp(word, "win") == 0)
            s.packet.tcp.window = (uint16_t)number;
        else if (strcmp(word, "ws") == 0) {
            s.packet.tcp.window_scaled = true;
            s.packet.tcp.scale = (uint8_t)number;
        } else
            fail_msg("not a word: %s in '%s'", word, line);
    }
    if (sscanf(rest, "%15s %15s", s.judgement, s.state) != 2)
        fail_msg("nothing is expected of '%s'", line);
    return s;
}

static inline void play(const struct life *life)
{
    static const char *const names[] = {
        [TCP_PASS] = "pass", [TCP_TOLERATE] = "tolerate", [TCP_REFUSE] = "refuse", [TCP_BEGIN] = "begin"};
    struct conn conn = {.family = TG_IPV4, .proto = TG_PROTO_TCP};
    for (size_t i = 0; life->lines[i] != NULL; i++) {
        struct segment s = read_segment(life->lines[i]);
        enum tcp_judgement judgement = TCP_PASS;
        if (i == 0 && tcp_is_going_on(&s.packet)) {
            tcp_pick_up(&conn, &s.packet);
        } else if (i == 0) {
            CHECK(life->name, tcp_is_opening(&s.packet));
            tcp_open(&conn, &s.packet);
        } else {
            judgement = tcp_follow(&conn, s.direction, &s.packet);
        }
        assert_int_equal(judgement == TCP_BEGIN, i != 0 && tcp_begins_anew(&conn, &s.packet));
        if (judgement == TCP_BEGIN) {
            struct conn_side last[2] = {conn.side[s.direction], conn.side[!s.direction]};
            conn = (struct conn){.family = TG_IPV4, .proto = TG_PROTO_TCP};
            tcp_open_again(&conn, &s.packet, last);
        }
        if (strcmp(names[judgement], s.judgement) != 0 || strcmp(tcp_state_name(conn.state), s.state) != 0)
            fail_msg("%s, line %zu: '%s', but got %s %s", life->name, i + 1, life->lines[i], names[judgement],
                     tcp_state_name(conn.state));
    }
}

#define PLAY(table)                                                                                                    \
    TEST(lives_##table)                                                                                                \
    {                                                                                                                  \
        for (size_t i = 0; i < COUNT(table); i++)                                                                      \
            play(&table[i]);                                                                                           \
    }

#endif
