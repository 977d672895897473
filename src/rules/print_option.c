/* The options of rules and forwards, in one order: limit, max, during, mac, after, log. */
#include "rules/parse.h"
#include "rules/print_part.h"

static void limit(struct print *out, const struct policy_limit *rate)
{
    print_word(out, "limit ");
    print_format(out, "%u/%s", rate->count, parse_unit_name(rate->seconds));
    if (rate->burst != 0) {
        print_word(out, "burst ");
        print_format(out, "%u", rate->burst);
    }
    if (rate->per_source)
        print_word(out, "per source");
}

static void max(struct print *out, const struct options *options)
{
    print_word(out, "max ");
    print_format(out, "%u", options->most);
    if (options->most_per_source)
        print_word(out, "per source");
}

static void during(struct print *out, const struct options *options)
{
    uint16_t from = options->from, until = options->until;
    print_word(out, "during");
    if (options->days != NULL)
        print_gap(out);
    for (const struct day_item *item = options->days; item != NULL; item = item->next) {
        print_text(out, parse_day_name(item->first));
        if (item->first != item->last)
            print_format(out, "-%s", parse_day_name(item->last));
        print_comma(out, item->next != NULL);
    }
    if (!options->has_times)
        return;
    print_gap(out);
    print_format(out, "%02u:%02u-%02u:%02u", from / 60U, from % 60U, until / 60U, until % 60U);
}

static void macs(struct print *out, const struct mac_item *items)
{
    print_word(out, "mac ");
    for (const struct mac_item *item = items; item != NULL; item = item->next) {
        const uint8_t *b = item->mac.bytes;
        print_format(out, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
        print_comma(out, item->next != NULL);
    }
}

/* A text that is a label must not be taken for that of the log. */
static void log_text(struct print *out, const char *text, bool labelled)
{
    print_word(out, "log");
    if (labelled || (text != NULL && *text != '\0'))
        print_quoted(out, text != NULL ? text : "");
}

void print_options(struct print *out, const struct options *options, const struct name_ref *label)
{
    if (options->limit.len > 0)
        limit(out, &options->rate);
    if (options->max.len > 0)
        max(out, options);
    if (options->during.len > 0)
        during(out, options);
    if (options->mac.len > 0)
        macs(out, options->macs);
    if (options->after.text != NULL) {
        print_word(out, "after");
        print_word(out, options->after.text);
    }
    if (options->log.len > 0)
        log_text(out, options->log_text.text, label->text != NULL);
    print_label(out, label);
}
