#include "analysis/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "policy/inside.h"

#define NO_STATEMENT (UINT32_MAX - 3)

struct meaning {
    uint32_t condition, result, rest;
};

_Static_assert(sizeof(struct policy_when) == 6 * sizeof(uint32_t), "a new condition must be told apart by somebody");

static uint32_t number_of_log(struct outcomes *o, const char *text)
{
    if (text == NULL)
        return 0;
    for (uint32_t i = 0; i < o->log_count; i++)
        if (strcmp(o->log_texts[i], text) == 0)
            return i + 1;
    o->log_texts[o->log_count++] = text;
    return o->log_count;
}

static bool number_logs(struct outcomes *o)
{
    size_t counts[2] = {o->policies[0]->statements.count, o->policies[1]->statements.count};
    o->log_texts = calloc(counts[0] + counts[1] + 1, sizeof *o->log_texts);
    for (unsigned view = 0; view < 2 && o->log_texts != NULL; view++) {
        o->logs[view] = calloc(counts[view] + 1, sizeof *o->logs[view]);
        if (o->logs[view] == NULL)
            return false;
        for (size_t i = 0; i < counts[view]; i++)
            o->logs[view][i] = number_of_log(o, o->policies[view]->statements.items[i].log);
    }
    return o->log_texts != NULL;
}

void outcomes_begin(struct outcomes *o, const struct tg_policy *before, const struct tg_policy *after)
{
    static const struct outcome_condition always;
    static const struct outcome_cell nothing = {.statement = NO_STATEMENT}; /* or it would be somebody's first cell */
    static const struct meaning no_meaning = {UINT32_MAX, 0, 0};
    static const struct outcome_source kept = {.how = OUTCOME_KEPT}, impossible = {.how = OUTCOME_IMPOSSIBLE};
    *o = (struct outcomes){
        .policies = {before, after},
        .sources = INTERN(struct outcome_source, sizeof(struct outcome_source)),
        .results = INTERN(struct outcome_result, sizeof(struct outcome_result)),
        .conditions = INTERN(struct outcome_condition, sizeof(struct outcome_condition)),
        .meanings = INTERN(struct meaning, sizeof(struct meaning)),
        .cells = INTERN(struct outcome_cell, offsetof(struct outcome_cell, meaning)),
    };
    intern_add(&o->conditions, &always);
    intern_add(&o->meanings, &no_meaning);
    intern_add(&o->cells, &nothing);
    intern_add(&o->sources, &kept);
    intern_add(&o->sources, &impossible);
    o->failed = !number_logs(o);
}

void outcomes_end(struct outcomes *o)
{
    free(o->logs[0]);
    free(o->logs[1]);
    free(o->log_texts);
    intern_end(&o->sources);
    intern_end(&o->results);
    intern_end(&o->conditions);
    intern_end(&o->meanings);
    intern_end(&o->cells);
}

bool outcomes_failed(const struct outcomes *o)
{
    return o->failed || o->sources.failed || o->results.failed || o->conditions.failed || o->meanings.failed ||
           o->cells.failed;
}

static uint32_t condition_of(struct outcomes *o, unsigned view, const struct policy_when *when)
{
    struct outcome_condition condition = {.max = when->max, .max_per_source = when->max != 0 && when->max_per_source};
    if (when->limit != 0) {
        const struct policy_limit *limit = policy_limit(o->policies[view], when->limit - 1);
        condition.limit = limit->count;
        condition.seconds = limit->seconds;
        condition.burst = limit->burst;
        condition.per_source = limit->per_source;
    }
    return intern_add(&o->conditions, &condition);
}

uint32_t outcome_source(struct outcomes *o, const struct outcome_source *source)
{
    return intern_add(&o->sources, source);
}

const char *outcome_log(const struct outcomes *o, uint32_t log)
{
    return o->log_texts[log - 1];
}

const struct outcome_source *outcome_source_of(const struct outcomes *o, uint32_t cell)
{
    return intern_at(&o->sources, outcome_result(o, cell)->source);
}

const struct outcome_condition *outcome_condition(const struct outcomes *o, uint32_t cell)
{
    return intern_at(&o->conditions, outcome_cell(o, cell)->condition);
}

const struct outcome_cell *outcome_cell(const struct outcomes *o, uint32_t cell)
{
    return intern_at(&o->cells, cell);
}

const struct outcome_result *outcome_result(const struct outcomes *o, uint32_t cell)
{
    return intern_at(&o->results, outcome_cell(o, cell)->result);
}

uint32_t outcome_always(struct outcomes *o, uint32_t statement, const struct outcome_result *result)
{
    uint32_t number = intern_add(&o->results, result);
    uint32_t meaning = intern_add(&o->meanings, &(struct meaning){0, number, 0});
    return intern_add(&o->cells, &(struct outcome_cell){statement, 0, number, OUTCOME_NOTHING, meaning});
}

uint32_t outcome_when(struct outcomes *o, unsigned view, const struct policy_when *when, uint32_t statement,
                      const struct outcome_result *result, uint32_t rest)
{
    uint32_t condition = condition_of(o, view, when);
    if (condition == 0)
        return outcome_always(o, statement, result);
    uint32_t number = intern_add(&o->results, result), after = outcome_cell(o, rest)->meaning;
    const struct meaning *otherwise = intern_at(&o->meanings, after);
    uint32_t meaning = after; /* it comes to the same either way */
    if (otherwise->condition != 0 || otherwise->result != number)
        meaning = intern_add(&o->meanings, &(struct meaning){condition, number, after});
    return intern_add(&o->cells, &(struct outcome_cell){statement, condition, number, rest, meaning});
}
