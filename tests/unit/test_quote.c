/* What an ICMP error quotes: read as far as it says which connection it is about, and no further (RFC 5508 REQ-3). */
#include "unit.h"

#include "corpus.h"

static bool is_quoted(const struct bytes *b, struct tg_packet *packet)
{
    CHECK("the error itself", decode_copy(b->at, b->len, b->len, 0, packet) == TG_DECODED);
    CHECK("the error itself", packet->kind == TG_TRANSPORT_ERROR);
    free(packet->data);
    return packet->quoted;
}

/* Quotes of every length: whole ones, the eight bytes of RFC 792, fewer, none. */
TEST(quotes_of_every_length)
{
    static const struct {
        const char *name, *ends;
        uint8_t proto;
        uint32_t least; /* bytes of the transport header without which nothing can be said */
    } rows[] = {
        {"tcp", "192.0.2.1:1000 > 198.51.100.2:80", TG_PROTO_TCP, 4},
        {"udp", "192.0.2.1:1000 > 198.51.100.2:80", TG_PROTO_UDP, 4},
        {"sctp", "192.0.2.1:1000 > 198.51.100.2:80", TG_PROTO_SCTP, 4},
        {"udplite", "192.0.2.1:1000 > 198.51.100.2:80", TG_PROTO_UDPLITE, 4},
        {"icmp", "192.0.2.1 > 198.51.100.2", TG_PROTO_ICMP, 8},
        {"esp", "192.0.2.1 > 198.51.100.2", TG_PROTO_ESP, 0},
        {"tcp over ipv6", "[2001:db8::1]:1000 > [2001:db8::2]:80", TG_PROTO_TCP, 4},
        {"udp over ipv6", "[2001:db8::1]:1000 > [2001:db8::2]:80", TG_PROTO_UDP, 4},
        {"icmp over ipv6", "2001:db8::1 > 2001:db8::2", TG_PROTO_ICMP6, 8},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_ipv4 = rows[i].ends[0] == '1';
        struct bytes about;
        if (rows[i].proto == TG_PROTO_TCP)
            about = tcp(rows[i].ends, ACK, 5, 6, 20);
        else if (rows[i].proto == TG_PROTO_ICMP || rows[i].proto == TG_PROTO_ICMP6)
            about = ping(rows[i].ends, 9);
        else if (rows[i].proto == TG_PROTO_ESP)
            about = ip_packet(rows[i].ends, TG_PROTO_ESP, "0123456789", 10);
        else
            about = datagram(rows[i].proto, rows[i].ends, 20);
        for (uint32_t len = 0; len <= about.len; len++) {
            struct bytes b = icmp_error(is_ipv4 ? "203.0.113.9 > 192.0.2.1" : "2001:db8:9::9 > 2001:db8::1",
                                        is_ipv4 ? 11 : 3, 0, &about, len);
            struct tg_packet packet;
            if (is_quoted(&b, &packet) != (len >= (is_ipv4 ? 20 : 40) + rows[i].least))
                fail_msg("%s: %u bytes quoted: %d", rows[i].name, len, packet.quoted);
        }
    }
}

TEST(quotes_that_say_nothing)
{
    const char *const back = "203.0.113.9 > 192.0.2.1", *const a = "192.0.2.1:1000 > 198.51.100.2:80";
    struct bytes u = udp(a, 100), u6 = udp("[2001:db8::1]:1000 > [2001:db8::2]:80", 100);
    struct bytes error = icmp_error("192.0.2.1 > 198.51.100.2", 3, 3, &u, 28),
                 reply = pong("192.0.2.1 > 198.51.100.2", 3);
    struct bytes advertisement = icmp("192.0.2.1 > 198.51.100.2", 9, 0, 0, NULL, 0);
    struct bytes later = fragment_of(u, 48, 56, false), first = fragment_of(u, 0, 48, true);
    struct bytes version = u, ihl = u, options = with_ipv4_options(u), total = u, ports = u;
    version.at[0] = 0x75;
    ihl.at[0] = 0x44;
    options.at[0] = 0x4f;
    put16(total.at + 2, 19);
    put16(ports.at + 2, 23); /* what follows is none of it: RFC 4884 padding, say */
    const struct {
        const char *name;
        const struct bytes *about;
        uint32_t len;
        bool quoted;
    } rows[] = {
        {"a good one", &u, 28, true},
        {"a reply to a ping", &reply, 28, true},
        {"a first fragment", &first, 28, true},
        {"a later fragment has no ports", &later, 28, false},
        {"an error about an error, RFC 1122 3.2.2", &error, 100, false},
        {"an error about a router advertisement", &advertisement, 28, false},
        {"the other family", &u6, 100, false},
        {"another version", &version, 28, false},
        {"a header of 16 bytes", &ihl, 28, false},
        {"a header longer than the quote", &options, 56, false},
        {"a total length below the header", &total, 28, false},
        {"a total length that leaves no ports", &ports, 28, false},
        {"nothing", &u, 0, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes b = icmp_error(back, 3, 1, rows[i].about, rows[i].len);
        struct tg_packet packet;
        CHECK_EQUAL(rows[i].name, is_quoted(&b, &packet), rows[i].quoted);
    }
}

/* RFC 5508 REQ-3: the quoted header's own sum and the quoted transport's are not looked at, RFC 4884 extensions
 * neither. */
TEST(what_does_not_matter_in_a_quote)
{
    struct bytes u = udp("192.0.2.1:1000 > 198.51.100.2:80", 100);
    struct tg_packet packet;
    u.at[8] = 1; /* the hop count has gone down on the way, and some routers do not mend the sum in what they quote */
    u.at[26] ^= 0xff;
    struct bytes b = icmp_error("203.0.113.9 > 192.0.2.1", 11, 0, &u, 128);
    b = with_padding(b, 12);
    put16(b.at + 24, 32); /* RFC 4884: 128 bytes of quote, then extensions */
    seal(&b);
    assert_true(is_quoted(&b, &packet));
    assert_int_equal(packet.quote.tuple.sport, 1000);
    assert_int_equal(packet.quote.end, 28 + u.len);
}

/* ICMPv6: types below 128 are errors, known or not; types from 128 on are none (RFC 4443 2.1). */
TEST(types_of_icmp)
{
    for (unsigned type = 0; type < 256; type++) {
        struct bytes b = icmp("192.0.2.1 > 192.0.2.2", (uint8_t)type, 0, 0, NULL, 0),
                     b6 = icmp("2001:db8::1 > 2001:db8::2", (uint8_t)type, 0, 0, NULL, 0);
        struct tg_packet packet;
        enum tg_transport wanted = TG_TRANSPORT_NOTICE;
        if (type == 0 || type == 8 || (type >= 13 && type <= 18))
            wanted = TG_TRANSPORT_QUERY;
        else if (type == 3 || type == 4 || type == 5 || type == 11 || type == 12)
            wanted = TG_TRANSPORT_ERROR;
        assert_int_equal(decode_copy(b.at, b.len, b.len, 0, &packet), TG_DECODED);
        free(packet.data);
        CHECK_EQUAL("ICMP type", packet.kind, wanted);
        CHECK_EQUAL("ICMP type", packet.icmp.type, type);
        wanted = type < 128 ? TG_TRANSPORT_ERROR : type < 130 ? TG_TRANSPORT_QUERY : TG_TRANSPORT_NOTICE;
        assert_int_equal(decode_copy(b6.at, b6.len, b6.len, 0, &packet), TG_DECODED);
        free(packet.data);
        CHECK_EQUAL("ICMPv6 type", packet.kind, wanted);
    }
}

/* The side that asks has the identifier for a port, whatever its number, even one that is a type's. */
TEST(identifiers_that_are_types)
{
    static const uint16_t ids[] = {0, 8, 13, 14, 1023, 1024, 65535};
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct bytes q = ping("192.0.2.1 > 192.0.2.2", ids[i]), r = pong("192.0.2.2 > 192.0.2.1", ids[i]);
        struct tg_packet asks, answers;
        assert_int_equal(decode_copy(q.at, q.len, q.len, 0, &asks), TG_DECODED);
        assert_int_equal(decode_copy(r.at, r.len, r.len, 0, &answers), TG_DECODED);
        free(asks.data);
        free(answers.data);
        struct tg_tuple flipped = tg_tuple_flip(&answers.outer.tuple);
        assert_true(tg_tuple_equal(&asks.outer.tuple, &flipped));
        assert_false(asks.icmp.is_answer);
        assert_true(answers.icmp.is_answer);
    }
}

TEST(names_of_protocols)
{
    static const struct {
        uint8_t proto;
        const char *name;
        bool ports;
    } rows[] = {
        {1, "icmp", false},   {2, "igmp", false},  {6, "tcp", true},       {17, "udp", true},
        {47, "gre", false},   {33, "dccp", true},  {50, "esp", false},     {51, "ah", false},
        {58, "icmp6", false}, {132, "sctp", true}, {136, "udplite", true},
    };
    for (unsigned proto = 0; proto < 256; proto++) {
        const char *name = NULL;
        bool ports = false;
        for (size_t i = 0; i < COUNT(rows); i++)
            if (rows[i].proto == proto) {
                name = rows[i].name;
                ports = rows[i].ports;
            }
        assert_int_equal(tg_proto_has_ports((uint8_t)proto), ports);
        if (name == NULL)
            assert_null(tg_proto_name((uint8_t)proto));
        else
            assert_string_equal(tg_proto_name((uint8_t)proto), name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_of_every_length),          cmocka_unit_test(quotes_that_say_nothing),
        cmocka_unit_test(what_does_not_matter_in_a_quote), cmocka_unit_test(types_of_icmp),
        cmocka_unit_test(identifiers_that_are_types),      cmocka_unit_test(names_of_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
