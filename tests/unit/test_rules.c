/* The small parts of the rules language: text and places, tokens, near names, the tables of words, how complaints look.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "rules/complaint.h"
#include "rules/icmp.h"
#include "rules/include.h"
#include "rules/lex.h"
#include "rules/near.h"
#include "rules/parse.h"
#include "rules/services.h"
#include "rules/text.h"
#include "rules/words.h"
#include "tidegate/packet.h"

static struct arena arena;

static struct text *text_of(const char *bytes)
{
    struct text *text = text_new(&arena, "test.rules", bytes, strlen(bytes));
    assert_non_null(text);
    return text;
}

static struct place place_of(const char *bytes)
{
    return (struct place){text_of(bytes), 0, (uint32_t)strlen(bytes)};
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

/* Text. */

TEST(lines_are_found_by_byte)
{
    static const struct {
        const char *text;
        uint32_t at, line;
        const char *whole;
    } rows[] = {
        {"", 0, 1, ""},
        {"one", 0, 1, "one"},
        {"one", 3, 1, "one"},
        {"one\n", 3, 1, "one"},
        {"one\ntwo", 4, 2, "two"},
        {"one\ntwo\n", 7, 2, "two"},
        {"one\r\ntwo\r\n", 3, 1, "one"},
        {"one\r\ntwo\r\n", 5, 2, "two"},
        {"\n\n\n", 2, 3, ""},
        {"a\n\nb", 2, 2, ""},
        {"a\n\nb", 3, 3, "b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text *text = text_of(rows[i].text);
        CHECK_EQUAL(rows[i].text, text_line(text, rows[i].at), rows[i].line);
        CHECK(rows[i].text, text_is(text_line_place(text, rows[i].line), rows[i].whole));
    }
}

TEST(characters_are_read_by_rfc_3629)
{
    static const struct {
        const char *bytes;
        unsigned len;
        uint32_t character;
    } rows[] = {
        {"a", 1, 'a'},
        {"\xc3\xa4", 2, 0xe4},
        {"\xe2\x82\xac", 3, 0x20ac},
        {"\xf0\x9f\x93\xb7", 4, 0x1f4f7},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", 0, 0},             /* a continuation alone */
        {"\xc3", 0, 0},             /* cut */
        {"\xc3(", 0, 0},            /* not continued */
        {"\xc0\xaf", 0, 0},         /* overlong */
        {"\xe0\x80\xaf", 0, 0},     /* overlong */
        {"\xf0\x80\x80\xaf", 0, 0}, /* overlong */
        {"\xed\xa0\x80", 0, 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 0, 0}, /* above U+10FFFF */
        {"\xff", 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t character = 0;
        CHECK_EQUAL(rows[i].bytes, text_character(rows[i].bytes, strlen(rows[i].bytes), &character), rows[i].len);
        CHECK_EQUAL(rows[i].bytes, character, rows[i].character);
    }
    assert_int_equal(text_characters("k\xc3\xbchl \xff.", 8), 7);
}

TEST(blanks_are_folded_outside_quotes)
{
    static const char *const rows[][2] = {
        {"allow   from\tlan", "allow from lan"},
        {"allow \\\n  from \\  \r\n lan", "allow from lan"},
        {"allow \"two  blanks\"  x", "allow \"two  blanks\" x"},
        {"a \\ b", "a \\ b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(text_fold(&arena, place_of(rows[i][0])), rows[i][1]);
}

TEST(places_of_included_files_are_in_reading_order)
{
    struct text *main = text_of("one\ninclude\nthree\n");
    struct text *in = text_of("in\n"), *deep = text_of("deep\n"), *next = text_of("next\n");
    in->included = (struct place){main, 4, 7};
    in->depth = 1;
    in->number = 1;
    deep->included = (struct place){in, 0, 2};
    deep->depth = 2;
    deep->number = 2;
    next->included = in->included; /* the same include brings a second file */
    next->depth = 1;
    next->number = 3;
    const struct place order[] = {{main, 0, 3}, {main, 4, 7}, {in, 0, 2},   {deep, 0, 4},
                                  {in, 2, 1},   {next, 0, 4}, {main, 12, 5}};
    for (size_t i = 0; i < COUNT(order); i++) {
        for (size_t j = 0; j < COUNT(order); j++) {
            int got = text_compare(order[i], order[j]), wanted = i < j ? -1 : i > j;
            if (got != wanted)
                fail_msg("place %zu before %zu: %d, not %d", i, j, got, wanted);
        }
    }
}

/* Tokens: each as its text, END as a full stop. */

TEST(lines_are_split_into_tokens)
{
    static const struct {
        const char *text, *tokens, *comment;
    } rows[] = {
        {"", "", NULL},
        {"\n", ".", NULL},
        {"  \t \n", ".", NULL},
        {"# all of it", ".", "# all of it"},
        {"allow from lan", "allow|from|lan|.", NULL},
        {"80,443 , 8080", "80|,|443|,|8080|.", NULL},
        {"host a=1.2.3.4", "host|a|=|1.2.3.4|.", NULL},
        {"zone w on wg*", "zone|w|on|wg*|.", NULL},
        {"a \"b # c\" # d", "a|\"b # c\"|.", "# d"},
        {"a\"b\"c", "a|\"b\"|c|.", NULL},
        {"a#b", "a|.", "#b"},
        {"a \\\n b \\\r\n c", "a|b|c|.", NULL},
        {"a \\ b", "a|\\|b|.", NULL},
        {"a\\\nb", "a|b|.", NULL},
        {"a\\b", "a\\b|.", NULL}, /* elsewhere in a word a backslash is a letter of it */
        {"a # b \\\nc", "a|.", "# b \\"},
        {"a \\", "a|.", NULL},
        {"\xef\xbb\xbf"
         "a",
         "a|.", NULL},
        {"a\r\nb", "a|.", NULL},
        {"a\r", "a|.", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tg_complaints *complaints = tg_complaints_new();
        struct lexer lexer = lex_begin(text_of(rows[i].text), complaints);
        char got[200] = "";
        if (lex_line(&lexer)) {
            for (size_t t = 0; t < lexer.count; t++) {
                struct place place = lexer.tokens[t].place;
                bool end = lexer.tokens[t].kind == TOKEN_END;
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s%s", t > 0 ? "|" : "", (int)place.len,
                         text_at(place), end ? "." : "");
            }
            CHECK(rows[i].text, (rows[i].comment == NULL) == (lexer.comment.text == NULL));
            CHECK(rows[i].text, rows[i].comment == NULL || text_is(lexer.comment, rows[i].comment));
        }
        assert_string_equal(got, rows[i].tokens);
        assert_int_equal(tg_complaints_count(complaints, TG_ERROR), 0);
        lex_end(&lexer);
        tg_complaints_free(complaints);
    }
}

TEST(every_byte_of_a_file_is_in_one_line_of_the_tree)
{
    static const char *const rows[] = {
        "",
        "\n",
        "# c\n\nallow from a \\\n  to b # d\n  \nzone",
        "\xef\xbb\xbfzone a on b\r\n\r\n\"",
        "allow \\\n\\\n\\",
        "a\r\rb\n\xff\n",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tree tree = {.complaints = tg_complaints_new()};
        struct text *text = text_of(rows[i]);
        uint32_t at = strncmp(rows[i], "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        assert_true(parse_file(&tree, text, &tree.root));
        for (const struct statement *st = tree.root.statements; st != NULL; st = st->next) {
            CHECK_EQUAL(rows[i], st->whole.at, at);
            at += st->whole.len;
        }
        CHECK_EQUAL(rows[i], at, text->len);
        tg_complaints_free(tree.complaints);
        arena_clear(&tree.arena);
    }
}

/* Near names. */

TEST(the_nearest_name_is_found)
{
    static const char *const names[] = {"front-door", "allow", "lan", "wan", "router", "https", "http", NULL};
    static const char *const rows[][2] = {
        {"frontdoor", "front-door"},
        {"font-dor", "front-door"},
        {"alow", "allow"},
        {"allwo", "allow"},
        {"lam", "lan"},
        {"man", "lan"},
        {"htpp", "http"},
        {"htps", "https"},
        {"routre", "router"},
        {"x", NULL},
        {"xyz", NULL},
        {"doorfront", NULL},
        {"", NULL},
        {"lan", "lan"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct near near = near_to(rows[i][0], strlen(rows[i][0]));
        near_try_all(&near, names);
        if ((near.best == NULL) != (rows[i][1] == NULL) || (near.best != NULL && strcmp(near.best, rows[i][1]) != 0))
            fail_msg("near '%s' is %s, not %s", rows[i][0], near.best, rows[i][1]);
    }
    char hint[NEAR_HINT], longest[200];
    memset(longest, 'a', sizeof longest);
    struct near none = near_to(longest, sizeof longest);
    near_try(&none, "a");
    assert_string_equal(near_hint(&none, hint), "");
}

/* Tables of words. */

TEST(words_are_told_from_names)
{
    static const struct {
        const char *word;
        bool reserved, name, address;
        int protocol;
    } rows[] = {
        {"zone", true, true, false, -1},        {"zon", false, true, false, -1},
        {"zones", false, true, false, -1},      {"address", true, true, false, -1},
        {"tcp", true, true, false, 6},          {"icmp6", true, true, false, 58},
        {"on-failure", true, true, false, -1},  {"no-hairpin", true, true, false, -1},
        {"a", false, true, false, -1},          {"4th-floor", false, true, false, -1},
        {"-a", false, false, false, -1},        {"a.b", false, false, false, -1},
        {"_a", false, true, false, -1},         {"80", false, false, true, 80},
        {"256", false, false, true, -1},        {"80-90", false, false, false, -1},
        {"1.2.3.4", false, false, true, -1},    {"::", false, false, true, -1},
        {"10.0.0.0/8", false, false, true, -1}, {"echo-request", false, true, false, -1},
        {"monday", false, true, false, -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct place word = place_of(rows[i].word);
        CHECK_EQUAL(rows[i].word, words_reserved(word), rows[i].reserved);
        CHECK_EQUAL(rows[i].word, words_is_name(word), rows[i].name);
        CHECK_EQUAL(rows[i].word, words_like_address(word), rows[i].address);
        CHECK_EQUAL(rows[i].word, words_protocol(word), rows[i].protocol);
    }
}

TEST(statements_and_protocols_are_reserved)
{
    for (size_t i = 0; words_statements[i] != NULL; i++)
        CHECK(words_statements[i], words_reserved(place_of(words_statements[i])));
    for (size_t i = 0; words_protocols[i] != NULL; i++) {
        char number[WORDS_PROTOCOL];
        CHECK(words_protocols[i], words_reserved(place_of(words_protocols[i])));
        int proto = words_protocol(place_of(words_protocols[i]));
        assert_string_equal(words_protocol_name((uint8_t)proto, number), words_protocols[i]);
        assert_string_equal(tg_proto_name((uint8_t)proto), words_protocols[i]);
    }
}

TEST(services_are_in_order_and_whole)
{
    size_t count;
    const struct service *table = service_table(&count);
    for (size_t i = 0; i < count; i++) {
        const struct service *service = &table[i];
        CHECK(service->name, i == 0 || strcmp(table[i - 1].name, service->name) < 0);
        CHECK(service->name, service_named(service->name) == service);
        CHECK(service->name, words_is_name(place_of(service->name)));
        CHECK(service->name, !words_reserved(place_of(service->name)));
        CHECK(service->name, service_class(service->name) == NULL);
        CHECK(service->name, service->parts[0].proto != 0);
        for (size_t p = 0; p < SERVICE_PARTS && service->parts[p].proto != 0; p++) {
            CHECK(service->name, service->parts[p].any_port == !tg_proto_has_ports(service->parts[p].proto));
            CHECK(service->name, service->parts[p].ports.first <= service->parts[p].ports.last);
        }
    }
    assert_null(service_named("no-such-service"));
    assert_null(service_class("http"));
    assert_int_equal(service_named("http")->parts[0].ports.first, 80);
    assert_int_equal(service_class("ephemeral")->first, 49152);
}

TEST(icmp_types_are_of_their_protocol)
{
    assert_int_equal(icmp_named(TG_PROTO_ICMP, "echo-request")->type, 8);
    assert_int_equal(icmp_named(TG_PROTO_ICMP6, "echo-request")->type, 128);
    assert_int_equal(icmp_named(TG_PROTO_ICMP, "fragmentation-needed")->code, 4);
    assert_null(icmp_named(TG_PROTO_ICMP, "packet-too-big"));
    assert_null(icmp_named(TG_PROTO_TCP, "echo-request"));
}

/* How complaints look. */

static const char *formatted(const char *line, uint32_t at, uint32_t len, bool colour)
{
    static char buf[1000];
    struct tg_complaints *complaints = tg_complaints_new();
    complain(complaints, TG_ERROR, (struct place){text_of(line), at, len}, "wrong");
    size_t n = tg_complaint_format(tg_complaints_get(complaints, 0), colour, buf, sizeof buf);
    assert_int_equal(n, strlen(buf));
    tg_complaints_free(complaints);
    return buf;
}

TEST(complaints_point)
{
    assert_string_equal(formatted("allow form lan", 6, 4, false),
                        "test.rules:1:7: error: wrong\nallow form lan\n      ^^^^\n");
    assert_string_equal(formatted("a\nallow", 7, 0, false), "test.rules:2:6: error: wrong\nallow\n     ^\n");
    assert_string_equal(formatted("\tk\xc3\xbchl x", 7, 1, false),
                        "test.rules:1:7: error: wrong\n\tk\xc3\xbchl x\n\t     ^\n");
    assert_string_equal(formatted("ab \\\n cd", 0, 8, false), "test.rules:1:1: error: wrong\nab \\\n^^^^\n");
    assert_string_equal(formatted("a\x1b[1mb \xff", 0, 1, false), "test.rules:1:1: error: wrong\na?[1mb ?\n^\n");
    assert_string_equal(formatted("a b", 2, 1, true),
                        "\033[1mtest.rules:1:3: \033[0m\033[1;31merror: \033[0m\033[1mwrong\033[0m\na b\n"
                        "  \033[1;31m^\033[0m\n");
}

TEST(complaints_fit_any_buffer)
{
    struct tg_complaints *complaints = tg_complaints_new();
    complain(complaints, TG_WARNING, (struct place){text_of("abc"), 1, 1}, "wrong");
    const struct tg_complaint *complaint = tg_complaints_get(complaints, 0);
    const char *whole = "test.rules:1:2: warning: wrong\nabc\n ^\n";
    for (size_t room = 0; room < strlen(whole) + 3; room++) {
        char *buf = malloc(room + 1); /* exactly, so that a sanitizer sees one byte too many */
        buf[room] = '#';
        assert_int_equal(tg_complaint_format(complaint, false, buf, room), strlen(whole));
        assert_int_equal(buf[room], '#');
        if (room > 0) {
            size_t shown = room - 1 < strlen(whole) ? room - 1 : strlen(whole);
            assert_memory_equal(buf, whole, shown);
            assert_int_equal(buf[shown], '\0');
        }
        free(buf);
    }
    tg_complaints_free(complaints);
}

TEST(complaints_are_sorted_and_counted)
{
    struct tg_complaints *complaints = tg_complaints_new();
    struct text *text = text_of("one\ntwo\nthree\n");
    complain(complaints, TG_ERROR, (struct place){text, 8, 5}, "c");
    size_t mark = complaints_mark(complaints);
    complain(complaints, TG_WARNING, (struct place){text, 8, 5}, "d");
    complain(complaints, TG_ERROR, (struct place){text, 8, 5}, "e");
    complain(complaints, TG_ERROR, (struct place){text, 0, 3}, "b");
    complain_of_file(complaints, TG_ERROR, "test.rules", "a");
    complaints_sort(complaints, mark);
    static const char order[] = "cabde"; /* the first was there before */
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(tg_complaints_get(complaints, i)->message[0], order[i]);
    assert_null(tg_complaints_get(complaints, 5));
    assert_int_equal(tg_complaints_get(complaints, 1)->line, 0);
    assert_int_equal(tg_complaints_count(complaints, TG_ERROR), 4);
    assert_int_equal(tg_complaints_count(complaints, TG_WARNING), 1);
    tg_complaints_free(complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found_by_byte),
        cmocka_unit_test(characters_are_read_by_rfc_3629),
        cmocka_unit_test(blanks_are_folded_outside_quotes),
        cmocka_unit_test(places_of_included_files_are_in_reading_order),
        cmocka_unit_test(lines_are_split_into_tokens),
        cmocka_unit_test(every_byte_of_a_file_is_in_one_line_of_the_tree),
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(words_are_told_from_names),
        cmocka_unit_test(statements_and_protocols_are_reserved),
        cmocka_unit_test(services_are_in_order_and_whole),
        cmocka_unit_test(icmp_types_are_of_their_protocol),
        cmocka_unit_test(complaints_point),
        cmocka_unit_test(complaints_fit_any_buffer),
        cmocka_unit_test(complaints_are_sorted_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
