/* A packet in words. The text is tcpdump's line with the zones before it and the verdict behind it; the JSON object has
 * the fields of the users' documentation, in its order.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report/report.h"

/* A line of text put together in a buffer of fixed size. What does not fit is left out, at the end of a character. */
struct line {
    char *out;
    size_t room; /* of `out`, the closing 0 included; at least 1 */
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void line_add(struct line *line, const char *format, ...)
{
    va_list arguments;
    size_t left = line->room - line->len;
    va_start(arguments, format);
    int written = vsnprintf(line->out + line->len, left, format, arguments);
    va_end(arguments);
    if (written < 0)
        return;
    if ((size_t)written < left) {
        line->len += (size_t)written;
        return;
    }
    line->len = line->room - 1;
    while (line->len > 0 && ((unsigned char)line->out[line->len - 1] & 0xc0) == 0x80)
        line->len--; /* back over a character that was cut in its middle */
    if (line->len > 0 && (unsigned char)line->out[line->len - 1] >= 0xc0)
        line->len--;
    line->out[line->len] = 0;
    line->room = line->len + 1; /* nothing more after what was cut */
}

/* What an ICMP message is called, in the words of the rules language. */
static const struct {
    uint8_t proto, type;
    const char *name;
} icmp_names[] = {
    {TG_PROTO_ICMP, 0, "echo-reply"},
    {TG_PROTO_ICMP, 3, "unreachable"},
    {TG_PROTO_ICMP, 4, "source-quench"},
    {TG_PROTO_ICMP, 5, "redirect"},
    {TG_PROTO_ICMP, 8, "echo-request"},
    {TG_PROTO_ICMP, 9, "router-advertisement"},
    {TG_PROTO_ICMP, 10, "router-solicitation"},
    {TG_PROTO_ICMP, 11, "time-exceeded"},
    {TG_PROTO_ICMP, 12, "parameter-problem"},
    {TG_PROTO_ICMP, 13, "timestamp-request"},
    {TG_PROTO_ICMP, 14, "timestamp-reply"},
    {TG_PROTO_ICMP6, 1, "unreachable"},
    {TG_PROTO_ICMP6, 2, "packet-too-big"},
    {TG_PROTO_ICMP6, 3, "time-exceeded"},
    {TG_PROTO_ICMP6, 4, "parameter-problem"},
    {TG_PROTO_ICMP6, 128, "echo-request"},
    {TG_PROTO_ICMP6, 129, "echo-reply"},
    {TG_PROTO_ICMP6, 130, "mld-listener-query"},
    {TG_PROTO_ICMP6, 131, "mld-listener-report"},
    {TG_PROTO_ICMP6, 132, "mld-listener-done"},
    {TG_PROTO_ICMP6, 133, "router-solicitation"},
    {TG_PROTO_ICMP6, 134, "router-advertisement"},
    {TG_PROTO_ICMP6, 135, "neighbour-solicitation"},
    {TG_PROTO_ICMP6, 136, "neighbour-advertisement"},
    {TG_PROTO_ICMP6, 137, "redirect"},
    {TG_PROTO_ICMP6, 143, "mld2-listener-report"},
};

/* => NULL for a type that has no name */
static const char *icmp_name(const struct tg_packet *packet)
{
    for (size_t i = 0; i < sizeof icmp_names / sizeof *icmp_names; i++)
        if (icmp_names[i].proto == packet->outer.tuple.proto && icmp_names[i].type == packet->icmp.type)
            return icmp_names[i].name;
    return NULL;
}

static bool is_icmp(const struct tg_packet *packet)
{
    return packet->kind == TG_TRANSPORT_QUERY || packet->kind == TG_TRANSPORT_ERROR ||
           (packet->kind == TG_TRANSPORT_NOTICE && packet->outer.tuple.proto != TG_PROTO_IGMP);
}

/* The identifier of a query: the port of the side that asks, which an answer has as its destination. */
static uint16_t query_id(const struct tg_packet *packet, const struct tg_tuple *tuple)
{
    uint8_t type = packet->icmp.type;
    bool answer = tuple->family == TG_IPV4 ? type == 0 || type == 14 || type == 16 || type == 18 : type == 129;
    return answer ? tuple->dport : tuple->sport;
}

/* Whether the ports of the packet were there to be read. */
static bool has_ports(const struct report_packet *report)
{
    const struct tg_packet *packet = report->packet;
    const struct tg_tuple *tuple = &packet->outer.tuple;
    if (!tg_proto_has_ports(tuple->proto) || packet->kind == TG_TRANSPORT_LATER)
        return false;
    return report->verdict->reason != TG_REASON_MALFORMED || tuple->sport || tuple->dport;
}

static const struct tg_statement *statement_of(const struct report_packet *report)
{
    uint32_t number = report->verdict->statement;
    return number == TG_NO_STATEMENT ? NULL : tg_policy_statement(report->policy, number);
}

/* What a statement is logged with: its words for that, else its label, else nothing. */
static const char *log_words(const struct tg_statement *statement)
{
    if (statement->log && *statement->log)
        return statement->log;
    return statement->label ? statement->label : "";
}

static const char *zone_name(const struct report_packet *report, uint8_t number)
{
    const struct tg_zone *zone = tg_policy_zone(report->policy, number);
    return zone ? zone->name : NULL;
}

/* Text */

static void put_endpoint(struct line *line, uint8_t family, struct tg_addr addr, uint16_t port, bool with_port)
{
    char buf[TG_ADDR_TEXT];
    line_add(line, "%s", tg_addr_format(family, addr, buf));
    if (with_port)
        line_add(line, ".%u", port);
}

/* "198.51.100.9.40000 > 203.0.113.1.8080", as tcpdump writes it. */
static void put_tuple(struct line *line, const struct tg_tuple *tuple, bool with_ports)
{
    put_endpoint(line, tuple->family, tuple->src, tuple->sport, with_ports);
    line_add(line, " > ");
    put_endpoint(line, tuple->family, tuple->dst, tuple->dport, with_ports);
}

static void put_tcp(struct line *line, const struct tg_packet *packet)
{
    static const struct {
        uint8_t flag;
        char letter;
    } letters[] = {{TG_TCP_FIN, 'F'}, {TG_TCP_SYN, 'S'}, {TG_TCP_RST, 'R'},
                   {TG_TCP_PSH, 'P'}, {TG_TCP_ACK, '.'}, {TG_TCP_URG, 'U'}};
    char flags[8];
    size_t n = 0;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (packet->tcp.flags & letters[i].flag)
            flags[n++] = letters[i].letter;
    flags[n] = 0;
    line_add(line, "Flags [%s], seq %" PRIu32, n ? flags : "none", packet->tcp.seq);
    if (packet->tcp.flags & TG_TCP_ACK)
        line_add(line, ", ack %" PRIu32, packet->tcp.ack);
    line_add(line, ", win %u, length %" PRIu32, packet->tcp.window, packet->tcp.payload);
}

static void put_icmp(struct line *line, const struct tg_packet *packet)
{
    const struct tg_tuple *quote = &packet->quote.tuple;
    const char *name = icmp_name(packet);
    if (name)
        line_add(line, "ICMP %s", name);
    else
        line_add(line, "ICMP type %u", packet->icmp.type);
    if (packet->icmp.code)
        line_add(line, ", code %u", packet->icmp.code);
    if (packet->kind == TG_TRANSPORT_QUERY)
        line_add(line, ", id %u", query_id(packet, &packet->outer.tuple));
    if (packet->quoted) {
        line_add(line, ", about ");
        put_tuple(line, quote, tg_proto_has_ports(quote->proto));
    }
}

/* What a packet carries: the part of tcpdump's line behind the colon. */
static void put_transport(struct line *line, const struct tg_packet *packet)
{
    const struct tg_layout *outer = &packet->outer;
    const char *name = tg_proto_name(outer->tuple.proto);
    uint32_t length = outer->end > outer->transport ? outer->end - outer->transport : 0;
    if (packet->kind == TG_TRANSPORT_TCP) {
        put_tcp(line, packet);
    } else if (is_icmp(packet)) {
        put_icmp(line, packet);
    } else {
        if (name)
            line_add(line, "%s", name);
        else
            line_add(line, "proto %u", outer->tuple.proto);
        line_add(line, ", length %" PRIu32, length);
    }
    if (packet->fragment)
        line_add(line, " (frag %" PRIu32 ":%" PRIu32 "@%u%s)", packet->fragment_id, length, packet->fragment_offset,
                 packet->more_fragments ? "+" : "");
}

/* "accept: forward, home.rules:14 "Front door camera"" */
static void put_verdict(struct line *line, const struct report_packet *report)
{
    const struct tg_verdict *verdict = report->verdict;
    const struct tg_statement *statement = statement_of(report);
    line_add(line, "%s: %s", tg_action_name(verdict->action), tg_reason_name(verdict->reason));
    if (verdict->as_it_stands)
        line_add(line, ", sent by the router");
    if (verdict->answer)
        line_add(line, ", the sender is told");
    if (!statement)
        return;
    bool decided = verdict->reason == TG_REASON_RULE || verdict->reason == TG_REASON_FORWARD;
    line_add(line, ", %s%s:%" PRIu32, decided ? "" : "begun by ", statement->file, statement->line);
    if (statement->label)
        line_add(line, " \"%s\"", statement->label);
    if (!verdict->log)
        return;
    line_add(line, ", log");
    if (statement->log && *statement->log)
        line_add(line, " \"%s\"", statement->log);
}

/* The time of day, and the zones: "22:13:20.000123 wan > lan: ". */
static void put_arrival(struct line *line, const struct report_packet *report)
{
    const struct tg_verdict *verdict = report->verdict;
    const char *in = zone_name(report, verdict->zone_in), *out = zone_name(report, verdict->zone_out);
    time_t seconds = (time_t)(report->time / 1000000000);
    struct tm day;
    if (localtime_r(&seconds, &day))
        line_add(line, "%02d:%02d:%02d", day.tm_hour, day.tm_min, day.tm_sec);
    line_add(line, ".%06u %s", (unsigned)(report->time % 1000000000 / 1000), in ? in : "?");
    if (out)
        line_add(line, " > %s", out);
    line_add(line, ": ");
}

size_t report_text(char *out, size_t room, const struct report_packet *report)
{
    const struct tg_packet *packet = report->packet;
    const struct tg_verdict *verdict = report->verdict;
    struct line line = {.out = out, .room = room - 1}; /* the newline always fits */
    line_add(&line, "%6" PRIu64 "  ", report->number);
    put_arrival(&line, report);
    if (!packet) {
        line_add(&line, "not IP");
    } else if (packet->outer.tuple.family == 0) {
        line_add(&line, "IP, not readable, length %" PRIu32, packet->wire_len);
    } else {
        line_add(&line, "%s ", packet->outer.tuple.family == TG_IPV4 ? "IP" : "IP6");
        put_tuple(&line, &packet->outer.tuple, has_ports(report));
        line_add(&line, ": ");
        put_transport(&line, packet);
    }
    line_add(&line, "  ");
    put_verdict(&line, report);
    if (packet && verdict->translation != TG_TRANSLATE_NONE) {
        line_add(&line, ", leaves as ");
        put_tuple(&line, &verdict->to, tg_proto_has_ports(verdict->to.proto) && packet->kind != TG_TRANSPORT_LATER);
        if (packet->kind == TG_TRANSPORT_QUERY)
            line_add(&line, ", id %u", query_id(packet, &verdict->to));
    }
    line.out[line.len++] = '\n';
    line.out[line.len] = 0;
    return line.len;
}

size_t report_words(char *out, size_t room, const struct report_packet *report)
{
    struct line line = {.out = out, .room = room};
    put_verdict(&line, report);
    if (report->packet && report->verdict->translation != TG_TRANSLATE_NONE) {
        line_add(&line, ", came as ");
        put_tuple(&line, &report->packet->outer.tuple, has_ports(report));
    }
    return line.len;
}

/* For logs */

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* "192.168.1.20:50001", "[2001:db8::1]:443": a port that is told from an address without counting colons. */
static void put_host(struct line *line, uint8_t family, struct tg_addr addr, uint16_t port, bool with_port)
{
    char buf[TG_ADDR_TEXT];
    const char *text = tg_addr_format(family, addr, buf);
    if (!with_port)
        line_add(line, " %s", text);
    else if (family == TG_IPV6)
        line_add(line, " [%s]:%u", text, port);
    else
        line_add(line, " %s:%u", text, port);
}

/* "tcp lan 192.168.1.20:50001 > wan 198.51.100.25:25". */
static void put_flow(struct line *line, const struct report_packet *report)
{
    const struct tg_packet *packet = report->packet;
    const struct tg_tuple *tuple = &packet->outer.tuple;
    const char *in = zone_name(report, report->verdict->zone_in), *out = zone_name(report, report->verdict->zone_out);
    const char *proto = tg_proto_name(tuple->proto), *type = is_icmp(packet) ? icmp_name(packet) : NULL;
    if (proto)
        line_add(line, " %s", proto);
    else
        line_add(line, " proto %u", tuple->proto);
    if (type)
        line_add(line, " %s", type);
    else if (is_icmp(packet))
        line_add(line, " type %u", packet->icmp.type);
    line_add(line, " %s", in ? in : "?");
    put_host(line, tuple->family, tuple->src, tuple->sport, has_ports(report));
    line_add(line, " >");
    if (out)
        line_add(line, " %s", out);
    put_host(line, tuple->family, tuple->dst, tuple->dport, has_ports(report));
}

size_t report_log(char *out, size_t room, const struct report_packet *report)
{
    const struct tg_verdict *verdict = report->verdict;
    const struct tg_statement *statement = statement_of(report);
    struct line line = {.out = out, .room = room - 1}; /* the newline always fits */
    if (verdict->answer)
        line_add(&line, "no room: ");
    else if (statement && *log_words(statement))
        line_add(&line, "%s: ", log_words(statement));
    line_add(&line, "%s", tg_action_name(verdict->action));
    if (statement)
        line_add(&line, " %s:%" PRIu32, statement->file, statement->line);
    if (report->packet)
        put_flow(&line, report);
    if (report->packet && verdict->translation != TG_TRANSLATE_NONE) {
        bool with_ports = tg_proto_has_ports(verdict->to.proto) && report->packet->kind != TG_TRANSPORT_LATER;
        line_add(&line, ", leaves as");
        put_host(&line, verdict->to.family, verdict->to.src, verdict->to.sport, with_ports);
        line_add(&line, " >");
        put_host(&line, verdict->to.family, verdict->to.dst, verdict->to.dport, with_ports);
    }
    for (size_t i = 0; i < line.len; i++)
        if (is_control(out[i]))
            out[i] = '?'; /* the name of a file may hold any */
    out[line.len++] = '\n';
    out[line.len] = 0;
    return line.len;
}

/* JSON */

/* Keys are literals and each is added once: json-c need neither copy nor look for them. */
static void add(struct json_object *object, const char *key, struct json_object *value)
{
    json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

static void add_text(struct json_object *object, const char *key, const char *value)
{
    if (value)
        add(object, key, json_object_new_string(value));
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
    add(object, key, json_object_new_int64((int64_t)value));
}

static void add_tuple(struct json_object *object, const struct tg_tuple *tuple, bool with_ports)
{
    char buf[TG_ADDR_TEXT];
    add_text(object, "src", tg_addr_format(tuple->family, tuple->src, buf));
    if (with_ports)
        add_number(object, "sport", tuple->sport);
    add_text(object, "dst", tg_addr_format(tuple->family, tuple->dst, buf));
    if (with_ports)
        add_number(object, "dport", tuple->dport);
}

static void add_packet(struct json_object *object, const struct report_packet *report)
{
    const struct tg_packet *packet = report->packet;
    const struct tg_tuple *tuple = &packet->outer.tuple;
    const char *proto = tg_proto_name(tuple->proto);
    if (proto)
        add_text(object, "proto", proto);
    else
        add_number(object, "proto", tuple->proto);
    add_tuple(object, tuple, has_ports(report));
    if (is_icmp(packet)) {
        add_number(object, "type", packet->icmp.type);
        add_number(object, "code", packet->icmp.code);
    }
    if (packet->kind == TG_TRANSPORT_QUERY)
        add_number(object, "id", query_id(packet, tuple));
}

static void add_translation(struct json_object *object, const struct report_packet *report)
{
    const struct tg_tuple *to = &report->verdict->to;
    struct json_object *leaving = json_object_new_object();
    if (!leaving)
        return;
    add_tuple(leaving, to, tg_proto_has_ports(to->proto) && report->packet->kind != TG_TRANSPORT_LATER);
    if (report->packet->kind == TG_TRANSPORT_QUERY)
        add_number(leaving, "id", query_id(report->packet, to));
    add(object, "to", leaving);
}

static void add_verdict(struct json_object *object, const struct report_packet *report)
{
    const struct tg_verdict *verdict = report->verdict;
    const struct tg_statement *statement = statement_of(report);
    add_text(object, "verdict", tg_action_name(verdict->action));
    add_text(object, "reason", tg_reason_name(verdict->reason));
    add_text(object, "state", tg_state_name(verdict->state));
    if (statement) {
        add_text(object, "file", statement->file);
        add_number(object, "line", statement->line);
        if (verdict->log)
            add_text(object, "log", log_words(statement));
    }
}

static size_t put_json(char *out, size_t room, struct json_object *object)
{
    size_t len;
    const char *line =
        json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    if (!line || len + 2 > room)
        return 0;
    memcpy(out, line, len);
    memcpy(out + len, "\n", 2);
    return len + 1;
}

size_t report_json(char *out, size_t room, const struct report_packet *report)
{
    const struct tg_verdict *verdict = report->verdict;
    struct json_object *object = json_object_new_object();
    char time[32];
    if (!object)
        return 0;
    snprintf(time, sizeof time, "%" PRIu64 ".%06u", report->time / 1000000000,
             (unsigned)(report->time % 1000000000 / 1000));
    add_number(object, "packet", report->number);
    add_text(object, "time", time);
    add_text(object, "in", zone_name(report, verdict->zone_in));
    add_text(object, "out", zone_name(report, verdict->zone_out));
    if (report->packet && report->packet->outer.tuple.family)
        add_packet(object, report);
    add_verdict(object, report);
    if (report->packet && verdict->translation != TG_TRANSLATE_NONE)
        add_translation(object, report);
    static const char *const long_ones[] = {"file", "log"};
    size_t len = put_json(out, room, object);
    for (size_t i = 0; len == 0 && i < sizeof long_ones / sizeof *long_ones; i++) {
        json_object_object_del(object, long_ones[i]);
        len = put_json(out, room, object);
    }
    json_object_put(object);
    return len;
}
