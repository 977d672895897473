/* Expectations: read when all zones and hosts are in the policy, and given to it. They are judged when it is sealed, by
 * who loads it (src/probe/expect.h). */
#include "rules/compile.h"

#include "rules/parse.h"
#include "rules/words.h"

/* Mark the names of a line as used.
 * => false if one of them was complained of where it is defined */
static bool use_names(struct compiler *compiler, const struct token *token)
{
    bool good = true;
    for (; token->kind != TOKEN_END; token++) {
        if (token->kind != TOKEN_WORD || words_reserved(token->place) || !words_is_name(token->place))
            continue;
        const char *text = arena_text(compiler->arena, text_at(token->place), token->place.len);
        const struct name *name = text != NULL ? names_find(&compiler->names, text) : NULL;
        if (name != NULL && (name->kind == NAME_MISSING || name->statement->broken))
            good = false;
    }
    return good;
}

/* `PACKET is OUTCOME [at DAY HH:MM]`, behind the first word. */
static bool read_expectation(struct compiler *compiler, struct parser *parser, struct policy_expectation *expectation,
                             struct place *outcome)
{
    static const char *const is[] = {"is", "port", NULL}, *const at[] = {"at", NULL};
    struct tg_probe *probe = &expectation->probe;
    if (!parse_probe(parser, compiler->policy, probe))
        return false;
    if (!parse_accept(parser, "is"))
        return parse_expected(parser, "'is' and what becomes of the packet", is);
    *outcome = parser->token->place;
    if (!parse_outcome(parser, compiler->policy, expectation))
        return false;
    *outcome = text_span(*outcome, parser->token[-1].place);
    if (!parse_probe_time(parser, probe))
        return false;
    return parse_at_end(parser) ||
           parse_expected(parser, probe->has_minute ? "the end of the line" : "'at' or the end of the line", at);
}

bool compile_expect(struct compiler *compiler, const struct statement *st)
{
    struct policy_expectation expectation = {0};
    struct statement reading = *st; /* what is wrong with it is no one's business from here on */
    struct place outcome;
    if (!use_names(compiler, st->tokens) || compiler->tree->incomplete)
        return false;
    struct parser parser = parse_begin(compiler->tree, &reading, st->tokens, false);
    parse_take(&parser);
    if (!read_expectation(compiler, &parser, &expectation, &outcome))
        return false;
    expectation.words = text_fold(compiler->arena, outcome);
    if (expectation.words == NULL || !complaint_place(compiler->arena, outcome, &expectation.place) ||
        policy_add_expectation(compiler->policy, &expectation) != 0)
        return compile_failed(compiler);
    return true;
}
