/* What the engine says of a packet. The names are those of the replay report. */
#ifndef TIDEGATE_VERDICT_H
#define TIDEGATE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "tidegate/packet.h"

enum tg_action { TG_ACCEPT, TG_DROP, TG_REJECT, TG_ACTIONS };

enum tg_reason {
    TG_REASON_RULE,        /* an allow, drop or reject statement */
    TG_REASON_FORWARD,     /* a forward statement */
    TG_REASON_DEFAULT,     /* no statement fitted */
    TG_REASON_ESTABLISHED, /* belongs to a known connection */
    TG_REASON_RELATED,     /* an ICMP error about a known connection, or an announced data connection */
    TG_REASON_INVALID,     /* not part of any connection and cannot begin one, or outside its TCP window */
    TG_REASON_MALFORMED,   /* headers that contradict themselves */
    TG_REASON_SPOOFED,     /* its source cannot be where it came from */
    TG_REASON_FRAGMENT,    /* a fragment that cannot be placed */
    TG_REASON_LIMIT,       /* no room: table full, ports exhausted, or a limit of the engine's own */
    TG_REASON_NON_IP,      /* ARP and the like: accepted, never judged (said by drivers, not by the engine) */
    TG_REASONS
};

enum tg_state { TG_STATE_NEW, TG_STATE_ESTABLISHED, TG_STATE_RELATED, TG_STATE_INVALID, TG_STATE_UNTRACKED, TG_STATES };

#define TG_NO_STATEMENT UINT32_MAX

/* How a packet's addresses leave. */
enum tg_translation {
    TG_TRANSLATE_NONE,  /* as they came */
    TG_TRANSLATE_WHOLE, /* rewritten to `to` in the packet's bytes */
    TG_TRANSLATE_HALF,  /* all but the source address: `to` is how it will leave, after a second pass */
};

struct tg_verdict {
    enum tg_action action;
    enum tg_reason reason;
    enum tg_state state;
    uint8_t zone_in;    /* as given, or as found */
    uint8_t zone_out;   /* TG_ZONE_NONE where nobody would get it */
    bool log;           /* its statement wants it logged: the first packet of what it decides about */
    bool answer;        /* dropped for want of room or ports: its sender is to be told (tg_limit_answer()) */
    bool as_it_stands;  /* a packet that the router itself had already sent out; nothing was done to it */
    bool hold;          /* no verdict yet, nor counted: see tg_arrival.can_hold */
    uint32_t statement; /* in the policy: the one that decided, or that let the connection begin; or TG_NO_STATEMENT */
    bool rewritten;     /* the packet's bytes were changed: translated, or another segment size offered */
    enum tg_translation translation;
    struct tg_tuple to; /* what leaves, where translation is not TG_TRANSLATE_NONE */
};

/* "accept", "forward", "established": the words of the report. */
const char *tg_action_name(enum tg_action action);
const char *tg_reason_name(enum tg_reason reason);
const char *tg_state_name(enum tg_state state);

#endif
