/* The TCP machine, life by life: src/connection/tcp.c.
 *
 * A row is a connection. Each of its lines is a segment and what must be said of it:
 *
 *   DIRECTION FLAGS SEQ[+BYTES] [ack N] [win N] [ws N] = JUDGEMENT STATE
 *
 * DIRECTION is > for the beginner and < for the other side; FLAGS are of SAFRPU; `win` is 10000 if it is not said, `ws`
 * is the window scale option of a SYN. JUDGEMENT is pass, tolerate, refuse or begin, STATE what the connection is in
 * afterwards. After `begin` the line's segment opens the connection anew, as the engine would have it.
 */
#include "unit.h"

#include "connection/tcp.h"
#include "packets.h"

struct life {
    const char *name;
    const char *lines[26];
};

#define OPEN                                                                                                           \
    "> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> A 1001 ack 5001 = pass established"
/* Both sides shift windows by 7: from the handshake on each offers 1280000 bytes. */
#define OPEN_SCALED                                                                                                    \
    "> S 1000 ws 7 = pass syn-sent", "< SA 5000 ack 1001 ws 7 = pass syn-received",                                    \
        "> A 1001 ack 5001 = pass established", "< A 5001 ack 1001 = pass established"

static const struct life opening[] = {
    {"the ordinary way", {OPEN}},
    {"first data ends the handshake",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received",
      "> PA 1001+100 ack 5001 = pass established"}},
    {"the SYN is repeated",
     {"> S 1000 = pass syn-sent", "> S 1000 = pass syn-sent", "> S 1000 = pass syn-sent",
      "< SA 5000 ack 1001 = pass syn-received"}},
    {"the answer is repeated",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "< SA 5000 ack 1001 = pass syn-received",
      "> A 1001 ack 5001 = pass established"}},
    {"the SYN is repeated although answered",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> S 1000 = tolerate syn-received",
      "< SA 5000 ack 1001 = pass syn-received", "> A 1001 ack 5001 = pass established"}},
    {"another first number, before any answer",
     {"> S 1000 = pass syn-sent", "> S 70000 = pass syn-sent", "< SA 5000 ack 1001 = refuse syn-sent",
      "< SA 5000 ack 70001 = pass syn-received", "> A 70001 ack 5001 = pass established"}},
    {"an answer from a host without memory, other than the first",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> S 1000 = tolerate syn-received",
      "< SA 3000000000 ack 1001 = pass syn-received", "> A 1001 ack 3000000001 = pass established",
      "< PA 3000000001+100 ack 1001 = pass established"}},
    {"an answer to nothing that was asked",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 999 = refuse syn-sent", "< SA 5000 ack 1000 = refuse syn-sent",
      "< SA 5000 ack 1002 = refuse syn-sent", "< SA 5000 ack 2147484649 = refuse syn-sent"}},
    {"a forged answer behind the real one",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "< SA 9000 ack 77 = tolerate syn-received",
      "> A 1001 ack 5001 = pass established"}},
    {"the beginner answers itself", {"> S 1000 = pass syn-sent", "> SA 1000 ack 5001 = refuse syn-sent"}},
    {"data before any answer", {"> S 1000 = pass syn-sent", "> PA 1001+10 ack 5001 = refuse syn-sent"}},
    {"the end before any answer",
     {"> S 1000 = pass syn-sent", "> FA 1001 ack 5001 = refuse syn-sent", "< FA 5001 ack 1001 = refuse syn-sent"}},
    {"a server that is full closes at once",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "< FA 5001 ack 1001 = pass fin-reply",
      "> A 1001 ack 5002 = pass fin-reply", "> FA 1001 ack 5002 = pass closing", "< A 5002 ack 1002 = pass time-wait"}},
    {"the server speaks before the handshake's end",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received",
      "< PA 5001+220 ack 1001 = pass syn-received", "> A 1001 ack 5001 = pass established",
      "> A 1001 ack 5221 = pass established"}},
    {"a client that closes at once",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> FA 1001 ack 5001 = pass fin-original"}},
    {"a refused connection", {"> S 1000 = pass syn-sent", "< RA 0 ack 1001 = pass reset"}},
    {"a refusal of something else",
     {"> S 1000 = pass syn-sent", "< RA 0 ack 1000 = refuse syn-sent", "< RA 0 ack 1002 = refuse syn-sent",
      "< R 0 = refuse syn-sent", "< R 1001 = refuse syn-sent"}},
    {"the beginner gives up", {"> S 1000 = pass syn-sent", "> R 1001 = pass reset"}},
    {"a scanner that answers with a reset",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> R 1001 = pass reset"}},
    {"the server takes it back",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "< R 5001 = pass reset"}},
    {"a forged reset during the handshake",
     {"> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "< R 5003 = refuse syn-received",
      "> R 999 = refuse syn-received"}},
    {"with push and urgent",
     {"> SU 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received",
      "> AUP 1001+1 ack 5001 = pass established"}},
};

static const struct life together[] = {
    {"simultaneous open, the beginner's answer first",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "> SA 1000 ack 5001 = pass syn-received",
      "< SA 5000 ack 1001 = pass syn-received", "> A 1001 ack 5001 = pass established",
      "< A 5001 ack 1001 = pass established"}},
    {"simultaneous open, the other's answer first",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "< SA 5000 ack 1001 = pass syn-received",
      "> SA 1000 ack 5001 = pass established", "> PA 1001+10 ack 5001 = pass established"}},
    {"simultaneous open, and a burst of data at once",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "> SA 1000 ack 5001 = pass syn-received",
      "< SA 5000 ack 1001 = pass syn-received", "> PA 1001+1460 ack 5001 = pass established",
      "> PA 2461+1460 ack 5001 = pass established", "> PA 3921+1460 ack 5001 = pass established"}},
    {"simultaneous open, an answer is lost on its way here",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "> SA 1000 ack 5001 = pass syn-received",
      "< PA 5001+10 ack 1001 = pass syn-received", "> PA 1001+1460 ack 5011 = pass established",
      "> PA 2461+1460 ack 5011 = pass established"}},
    {"simultaneous open: the windows of all SYNs are unshifted",
     {"> S 1000 ws 7 = pass syn-sent", "< S 5000 ws 7 = pass syn-both", "> SA 1000 ack 5001 ws 7 = pass syn-received",
      "< PA 15002+1 ack 1001 = refuse syn-received", "< SA 5000 ack 1001 ws 7 = pass syn-received",
      "> PA 11002+1 ack 5001 = refuse syn-received"}},
    {"simultaneous open, SYNs repeated",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "< S 5000 = tolerate syn-both",
      "> S 1000 = tolerate syn-both", "< SA 5000 ack 1001 = pass syn-received"}},
    {"simultaneous open, and no answer to it yet",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "> A 1001 ack 5001 = refuse syn-both",
      "< FA 5001 ack 1001 = refuse syn-both"}},
    {"simultaneous open, an answer to something else",
     {"> S 1000 = pass syn-sent", "< S 5000 = pass syn-both", "> SA 1000 ack 900000 = refuse syn-both",
      "< SA 5000 ack 900000 = refuse syn-both"}},
};

static const struct life talking[] = {
    {"data both ways",
     {OPEN, "> PA 1001+100 ack 5001 = pass established", "< A 5001 ack 1101 = pass established",
      "< PA 5001+1460 ack 1101 = pass established", "> A 1101 ack 6461 = pass established"}},
    {"a segment is lost and comes later",
     {OPEN, "> PA 1101+100 ack 5001 = pass established", "< A 5001 ack 1001 = pass established",
      "> PA 1001+100 ack 5001 = pass established", "< A 5001 ack 1201 = pass established"}},
    {"segments in disorder",
     {OPEN, "> PA 1301+100 ack 5001 = pass established", "> PA 1101+100 ack 5001 = pass established",
      "> PA 1201+100 ack 5001 = pass established", "> PA 1001+100 ack 5001 = pass established",
      "< A 5001 ack 1401 = pass established"}},
    {"repeated although acknowledged",
     {OPEN, "> PA 1001+100 ack 5001 = pass established", "< A 5001 ack 1101 = pass established",
      "> PA 1001+100 ack 5001 = pass established", "> PA 1001+100 ack 5001 = pass established"}},
    {"repeated long after, by a full window",
     {OPEN, "> PA 1001+10000 ack 5001 = pass established", "< A 5001 ack 11001 win 65535 = pass established",
      "> PA 11001+30000 ack 5001 = pass established", "< A 5001 ack 41001 win 65535 = pass established",
      "> PA 41001+26000 ack 5001 = pass established", "< A 5001 ack 67001 win 65535 = pass established",
      "> PA 1001+1460 ack 5001 = pass established"}},
    {"repeated past that a small window was seen",
     {OPEN, "> PA 1001+5000 ack 5001 = pass established", "< A 5001 ack 6001 win 100 = pass established",
      "> PA 1001+100 ack 5001 = pass established"}},
    {"an acknowledgement comes late",
     {OPEN, "> PA 1001+100 ack 5001 = pass established", "< A 5001 ack 1101 = pass established",
      "< A 5001 ack 1051 = pass established", "< A 5001 ack 1001 = pass established"}},
    {"one byte beyond the window",
     {OPEN, "> PA 1001+9000 ack 5001 = pass established", "> PA 10001+1000 ack 5001 = pass established",
      "> PA 11001+1 ack 5001 = pass established", /* as a closed window is probed */
      "> PA 11002+1 ack 5001 = refuse established"}},
    {"far beyond the window",
     {OPEN, "> PA 500000+1 ack 5001 = refuse established", "< PA 900000+1 ack 1001 = refuse established",
      "< PA 2147488649+1 ack 1001 = refuse established"}},
    {"far before it",
     {OPEN, "> PA 4294867295+1 ack 5001 = refuse established", "< PA 4294867295+1 ack 1001 = refuse established"}},
    {"acknowledging what was never sent",
     {OPEN, "> A 1001 ack 5002 = refuse established", "< A 5001 ack 1002 = refuse established",
      "< A 5001 ack 2147484649 = refuse established"}},
    {"acknowledging what was long ago", {OPEN, "< A 5001 ack 4294870296 = refuse established"}},
    {"data with an acknowledgement of the future",
     {OPEN, "> PA 1001+100 ack 6000 = refuse established", "> PA 1001+100 ack 5001 = pass established"}},
    {"what was refused moves nothing",
     {OPEN, "> PA 12000+100 ack 5001 = refuse established", "< A 5001 ack 12100 = refuse established"}},
    {"the window opens",
     {OPEN, "> PA 1001+10000 ack 5001 = pass established", "< A 5001 ack 11001 win 20000 = pass established",
      "> PA 11001+20000 ack 5001 = pass established", "> PA 31002+1 ack 5001 = refuse established"}},
    {"the window shrinks, and what was in flight comes",
     {OPEN, "< A 5001 ack 1001 win 100 = pass established", "> PA 1001+5000 ack 5001 = pass established"}},
    {"a closed window is probed with a byte",
     {OPEN, "> PA 1001+10000 ack 5001 = pass established", "< A 5001 ack 11001 win 0 = pass established",
      "> PA 11001+1 ack 5001 = pass established", "< A 5001 ack 11001 win 0 = pass established",
      "> PA 11001+1 ack 5001 = pass established", "< A 5001 ack 11002 win 5000 = pass established",
      "> PA 11002+5000 ack 5001 = pass established"}},
    {"a closed window is probed with an old byte",
     {OPEN, "> PA 1001+10000 ack 5001 = pass established", "< A 5001 ack 11001 win 0 = pass established",
      "> A 11000 ack 5001 = pass established", "> A 11000 ack 5001 = pass established"}},
    {"closed from the start",
     {"> S 1000 win 0 = pass syn-sent", "< SA 5000 ack 1001 win 0 = pass syn-received",
      "> A 1001 ack 5001 win 0 = pass established", "> PA 1001+1 ack 5001 win 0 = pass established",
      "< A 5001 ack 1002 win 4000 = pass established", "> PA 1002+4000 ack 5001 = pass established"}},
    {"a closed window probed again and again with much",
     {OPEN, "> PA 1001+10000 ack 5001 = pass established", "< A 5001 ack 11001 win 0 = pass established",
      "> PA 11001+1460 ack 5001 = pass established", "> PA 11001+1460 ack 5001 = pass established",
      "> PA 11001+1460 ack 5001 = pass established", "< A 5001 ack 12461 win 3000 = pass established",
      "> PA 12461+3000 ack 5001 = pass established", "> PA 1001+10 ack 5001 = pass established"}},
    {"keepalive, empty and with a byte",
     {OPEN, "> PA 1001+100 ack 5001 = pass established", "< A 5001 ack 1101 = pass established",
      "> A 1100 ack 5001 = pass established", "< A 5001 ack 1101 = pass established",
      "> A 1100+1 ack 5001 = pass established", "< A 5000 ack 1101 = pass established"}},
    {"urgent", {OPEN, "> AU 1001+10 ack 5001 = pass established", "< AUP 5001+1 ack 1011 = pass established"}},
    {"empty segments", {OPEN, "> A 1001 ack 5001 = pass established", "< A 5001 ack 1001 = pass established"}},
};

static const struct life scaled[] = {
    {"both offer it",
     {OPEN_SCALED, "> PA 1001+50000 ack 5001 = pass established", "> PA 1281001+100 ack 5001 = pass established",
      "> PA 1281102+1 ack 5001 = refuse established"}},
    {"only the beginner offers it: nothing is shifted",
     {"> S 1000 ws 7 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> A 1001 ack 5001 = pass established",
      "< A 5001 ack 1001 = pass established", "> PA 11002+100 ack 5001 = refuse established",
      "< PA 15002+1 ack 1001 = refuse established"}},
    {"the window of a SYN is not shifted",
     {"> S 1000 ws 7 = pass syn-sent", "< SA 5000 ack 1001 ws 7 = pass syn-received",
      "> PA 11002+1 ack 5001 = refuse syn-received", "< PA 15002+1 ack 1001 = refuse syn-received"}},
    {"each side by its own shift",
     {"> S 1000 ws 0 = pass syn-sent", "< SA 5000 ack 1001 ws 4 = pass syn-received",
      "> A 1001 ack 5001 = pass established", "< A 5001 ack 1001 = pass established",
      "> PA 161001+1 ack 5001 = pass established", "> PA 161003+1 ack 5001 = refuse established",
      "< PA 15001+1 ack 1001 = pass established", "< PA 15003+1 ack 1001 = refuse established"}},
    {"the largest there is",
     {"> S 1000 ws 14 = pass syn-sent", "< SA 5000 ack 1001 ws 14 win 65535 = pass syn-received",
      "> A 1001 ack 5001 win 65535 = pass established", "< A 5001 ack 1001 win 65535 = pass established",
      "> PA 1073726441+1 ack 5001 = pass established", "< A 5001 ack 1001 win 65535 = pass established"}},
    {"old by a large window",
     {OPEN_SCALED, "> PA 901001+1000 ack 5001 = pass established", "> PA 1001+1000 ack 5001 = pass established",
      "< A 5001 ack 902001 = pass established", "< A 5001 ack 1001 = pass established"}},
};

static const struct life closing[] = {
    {"the beginner first",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< A 5001 ack 1002 = pass fin-original",
      "< FA 5001 ack 1002 = pass closing", "> A 1002 ack 5002 = pass time-wait"}},
    {"the other side first",
     {OPEN, "< FA 5001 ack 1001 = pass fin-reply", "> A 1001 ack 5002 = pass fin-reply",
      "> FA 1001 ack 5002 = pass closing", "< A 5002 ack 1002 = pass time-wait"}},
    {"both at once",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1001 = pass closing",
      "> A 1002 ack 5002 = pass closing", "< A 5002 ack 1002 = pass time-wait"}},
    {"with data",
     {OPEN, "> FAP 1001+100 ack 5001 = pass fin-original", "< FAP 5001+50 ack 1102 = pass closing",
      "> A 1102 ack 5052 = pass time-wait"}},
    {"half closed, the other goes on speaking",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< A 5001 ack 1002 = pass fin-original",
      "< PA 5001+1460 ack 1002 = pass fin-original", "> A 1002 ack 6461 = pass fin-original",
      "< PA 6461+1460 ack 1002 = pass fin-original", "> A 1002 ack 7921 = pass fin-original",
      "< FA 7921 ack 1002 = pass closing", "> A 1002 ack 7922 = pass time-wait"}},
    {"half closed by the other side",
     {OPEN, "< FA 5001 ack 1001 = pass fin-reply", "> PA 1001+1460 ack 5002 = pass fin-reply",
      "< A 5002 ack 2461 = pass fin-reply", "> FA 2461 ack 5002 = pass closing"}},
    {"the end is repeated",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "> FA 1001 ack 5001 = pass fin-original",
      "< A 5001 ack 1002 = pass fin-original", "< FA 5001 ack 1002 = pass closing", "< FA 5001 ack 1002 = pass closing",
      "> A 1002 ack 5002 = pass time-wait", "< FA 5001 ack 1002 = pass time-wait",
      "> A 1002 ack 5002 = pass time-wait"}},
    {"the end comes before the data",
     {OPEN, "> FA 1101 ack 5001 = pass fin-original", "> PA 1001+100 ack 5001 = pass fin-original",
      "< A 5001 ack 1102 = pass fin-original"}},
    {"the end outside the window",
     {OPEN, "> FA 100000 ack 5001 = refuse established", "< FA 100000 ack 1001 = refuse established"}},
    {"the end of a forger in the window, with a bad acknowledgement",
     {OPEN, "< FA 5001 ack 99999 = refuse established"}},
    {"resets while closing",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< R 5000 = refuse fin-original",
      "< R 5002 = refuse fin-original", "< R 5001 = pass reset"}},
    {"a reset for data after close",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< PA 5001+100 ack 1001 = pass fin-original",
      "> R 1001 = pass reset"}},
};

static const struct life resets[] = {
    {"exactly what is expected", {OPEN, "< R 5001 = pass reset"}},
    {"with an acknowledgement", {OPEN, "< RA 5001 ack 1001 = pass reset"}},
    {"from the beginner", {OPEN, "> RA 1001 ack 5001 = pass reset"}},
    {"one less, one more",
     {OPEN, "< R 5000 = refuse established", "< R 5002 = refuse established", "> R 1000 = refuse established",
      "> R 1002 = refuse established"}},
    {"in the window and out of it",
     {OPEN, "< R 5050 = refuse established", "< R 1005001 = refuse established", "< R 2147488649 = refuse established",
      "< R 0 = refuse established"}},
    {"what was sent and not acknowledged yet",
     {OPEN, "< PA 5001+1000 ack 1001 = pass established", "< R 6001 = pass reset"}},
    {"what was acknowledged, though more was sent",
     {OPEN, "< PA 5001+1000 ack 1001 = pass established", "< PA 6001+1000 ack 1001 = pass established",
      "> A 1001 ack 6001 = pass established", "< R 6001 = pass reset"}},
    {"neither of both",
     {OPEN, "< PA 5001+1000 ack 1001 = pass established", "< PA 6001+1000 ack 1001 = pass established",
      "> A 1001 ack 6001 = pass established", "< R 6500 = refuse established", "< R 5001 = refuse established"}},
    {"from a host that knows of nothing", {OPEN, "> PA 1001+100 ack 5001 = pass established", "< R 5001 = pass reset"}},
    {"repeated", {OPEN, "< R 5001 = pass reset", "< R 5001 = pass reset", "< R 5002 = refuse reset"}},
    {"a reset that its receiver doubted: the challenge and another",
     {OPEN, "< PA 5001+1000 ack 1001 = pass established", "< R 6001 = pass reset", "> A 1001 ack 5001 = pass reset",
      "< R 5001 = pass reset"}},
    {"talk goes on after a reset that was not heard",
     {OPEN, "< R 5001 = pass reset", "> PA 1001+100 ack 5001 = pass reset", "< PA 5001+100 ack 1101 = pass reset"}},
    {"in time-wait",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1002 = pass closing",
      "> A 1002 ack 5002 = pass time-wait", "< R 5001 = refuse time-wait", "< R 5002 = pass reset"}},
    {"with everything at once", {OPEN, "< RA 5001+100 ack 1001 = pass reset"}},
};

static const struct life strangers[] = {
    {"a SYN in the midst, RFC 5961 section 4",
     {OPEN, "> S 77777 = tolerate established", "< A 5001 ack 1001 = pass established", /* the challenge */
      "> R 1001 = pass reset", "> S 77777 = begin syn-sent", "< SA 9000 ack 77778 = pass syn-received"}},
    {"a SYN from the other side",
     {OPEN, "< S 77777 = tolerate established", "> A 1001 ack 5001 = pass established",
      "< PA 5001+10 ack 1001 = pass established"}},
    {"a forged answer in the midst",
     {OPEN, "< SA 77777 ack 1001 = tolerate established", "> A 1001 ack 5001 = pass established",
      "< PA 5001+10 ack 1001 = pass established"}},
    {"a SYN moves no window", {OPEN, "> S 10000 = tolerate established", "< A 5001 ack 10001 = refuse established"}},
    {"a SYN while closing",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "> S 77777 = tolerate fin-original",
      "< S 77777 = tolerate fin-original"}},
    {"a host that believes in an older connection",
     {"> S 1000 = pass syn-sent", "< A 900000 ack 700000 = tolerate syn-sent", "> R 700000 = pass reset",
      "> S 1000 = begin syn-sent", "< SA 5000 ack 1001 = pass syn-received", "> A 1001 ack 5001 = pass established"}},
    {"a reset that answers no challenge",
     {"> S 1000 = pass syn-sent", "< A 900000 ack 700000 = tolerate syn-sent", "> R 700001 = refuse syn-sent"}},
    {"an answer to an older SYN",
     {"> S 1000 = pass syn-sent", "< SA 145824453 ack 643160523 = refuse syn-sent", "> S 1000 = pass syn-sent",
      "< SA 145758918 ack 1001 = pass syn-received", "> PA 1001+1 ack 145758919 = pass established"}},
};

static const struct life again[] = {
    {"the same ports after time-wait",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1002 = pass closing",
      "> A 1002 ack 5002 = pass time-wait", "> S 90000 = begin syn-sent", "< SA 7 ack 90001 = pass syn-received",
      "> A 90001 ack 8 = pass established"}},
    {"by the other side",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1002 = pass closing",
      "> A 1002 ack 5002 = pass time-wait", "< S 90000 = begin syn-sent"}},
    {"after a reset", {OPEN, "< R 5001 = pass reset", "> S 90000 = begin syn-sent"}},
    {"after a refusal",
     {"> S 1000 = pass syn-sent", "< RA 0 ack 1001 = pass reset", "> S 1000 = begin syn-sent",
      "< RA 0 ack 1001 = pass reset"}},
    {"not before all is acknowledged",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1002 = pass closing",
      "> S 90000 = tolerate closing"}},
    {"an old answer in time-wait",
     {OPEN, "> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1002 = pass closing",
      "> A 1002 ack 5002 = pass time-wait", "< SA 5000 ack 1001 = tolerate time-wait"}},
};

static const struct life wrapping[] = {
    {"through zero",
     {"> S 4294967290 = pass syn-sent", "< SA 4294967295 ack 4294967291 = pass syn-received",
      "> A 4294967291 ack 0 = pass established", "> PA 4294967291+100 ack 0 = pass established",
      "< A 0 ack 95 = pass established", "> PA 95+100 ack 0 = pass established",
      "> PA 4294967291+100 ack 0 = pass established", "< PA 0+1000 ack 195 = pass established",
      "> FA 195 ack 1000 = pass fin-original"}},
    {"the first number is the last there is",
     {"> S 4294967295 = pass syn-sent", "< SA 0 ack 0 = pass syn-received", "> A 0 ack 1 = pass established",
      "< R 1 = pass reset"}},
    {"a window over zero",
     {"> S 4294960000 = pass syn-sent", "< SA 5000 ack 4294960001 = pass syn-received",
      "> A 4294960001 ack 5001 = pass established", "> PA 2705+1 ack 5001 = pass established",
      "> PA 2707+1 ack 5001 = refuse established"}},
    {"over the middle",
     {"> S 2147483640 = pass syn-sent", "< SA 2147483647 ack 2147483641 = pass syn-received",
      "> A 2147483641 ack 2147483648 = pass established", "> PA 2147483641+100 ack 2147483648 = pass established",
      "< A 2147483648 ack 2147483741 = pass established", "< R 2147483648 = pass reset"}},
};

static const struct life fast[] = {
    {"data in the SYN, all taken",
     {"> S 1000+100 = pass syn-sent", "< SA 5000 ack 1101 = pass syn-received",
      "> A 1101 ack 5001 = pass established"}},
    {"none taken",
     {"> S 1000+100 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received",
      "> PA 1001+100 ack 5001 = pass established", "< A 5001 ack 1101 = pass established"}},
    {"a part taken",
     {"> S 1000+100 = pass syn-sent", "< SA 5000 ack 1051 = pass syn-received",
      "> PA 1051+50 ack 5001 = pass established"}},
    {"more acknowledged than sent", {"> S 1000+100 = pass syn-sent", "< SA 5000 ack 1102 = refuse syn-sent"}},
    {"data in the answer",
     {"> S 1000+100 = pass syn-sent", "< SA 5000+300 ack 1101 = pass syn-received",
      "< PA 5301+1000 ack 1101 = pass syn-received", "> A 1101 ack 5301 = pass established"}},
    {"repeated without its data, and the first was heard",
     {"> S 1000+100 = pass syn-sent", "> S 1000 = pass syn-sent", "< SA 5000 ack 1101 = pass syn-received",
      "> A 1101 ack 5001 = pass established"}},
    {"repeated without its data, and only this was heard",
     {"> S 1000+100 = pass syn-sent", "> S 1000 = pass syn-sent", "< SA 5000 ack 1001 = pass syn-received",
      "> PA 1001+100 ack 5001 = pass established"}},
    {"refused", {"> S 1000+100 = pass syn-sent", "< RA 0 ack 1101 = pass reset"}},
};

/* Begun unseen: the first segment is none that opens. Windows are not checked (RFC 6092 REC-32), resets are. */
static const struct life picked_up[] = {
    {"heard from both sides",
     {"> A 1001 ack 5001 = pass picked-up", "< A 5001 ack 1001 = pass established",
      "> PA 1001+100 ack 5001 = pass established"}},
    {"no windows",
     {"> PA 1001+100 ack 5001 = pass picked-up", "> PA 900001+100 ack 5001 = pass picked-up",
      "< PA 3000000000+10 ack 900101 win 1 = pass established", "> PA 905000+100 ack 3000000010 = pass established",
      "> A 77 ack 77 = pass established"}},
    {"only one side is ever heard",
     {"> A 1001 ack 5001 = pass picked-up", "> PA 1001+9 ack 5001 = pass picked-up",
      "> FA 1010 ack 5001 = pass fin-original"}},
    {"closed by both",
     {"> A 1001 ack 5001 = pass picked-up", "< FA 5001 ack 1001 = pass fin-reply", "> FA 1001 ack 5002 = pass closing",
      "< A 5002 ack 1002 = pass time-wait", "> S 9000 = begin syn-sent"}},
    {"begins with its end",
     {"> FA 1001 ack 5001 = pass fin-original", "< FA 5001 ack 1002 = pass closing",
      "> A 1002 ack 5002 = pass time-wait"}},
    {"a SYN may be anybody's",
     {"> A 1001 ack 5001 = pass picked-up", "> S 70 = tolerate picked-up", "< SA 70 ack 71 = tolerate picked-up",
      "< S 70 = tolerate picked-up", "< A 5001 ack 1001 = pass established"}},
    {"a reset by the side that was not heard", {"> A 1001 ack 5001 = pass picked-up", "< R 5001 = pass reset"}},
    {"a reset by the beginner", {"> PA 1001+9 ack 5001 = pass picked-up", "> R 1010 = pass reset"}},
    {"resets that are not exact",
     {"> A 1001 ack 5001 = pass picked-up", "< R 5002 = refuse picked-up", "> R 1002 = refuse picked-up",
      "< A 5001 ack 1001 = pass established", "< R 5002 = refuse established", "< RA 5001 ack 1001 = pass reset"}},
};

/* ---- reading and playing the lines ---- */

static unsigned read_flags(const char *letters)
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

static struct segment read_segment(const char *line)
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

static void play(const struct life *life)
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
        if (judgement == TCP_BEGIN) {
            conn = (struct conn){.family = TG_IPV4, .proto = TG_PROTO_TCP};
            tcp_open(&conn, &s.packet);
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

PLAY(opening)
PLAY(together)
PLAY(talking)
PLAY(scaled)
PLAY(closing)
PLAY(resets)
PLAY(strangers)
PLAY(again)
PLAY(wrapping)
PLAY(fast)
PLAY(picked_up)

TEST(what_may_begin)
{
    for (unsigned flags = 0; flags < 64; flags++) {
        struct tg_packet packet = {.tcp.flags = (uint8_t)flags};
        bool wanted = (flags & SYN) && !(flags & (ACK | RST | FIN));
        assert_int_equal(tcp_is_opening(&packet), wanted);
        assert_int_equal(tcp_is_going_on(&packet), (flags & ACK) && !(flags & (SYN | RST)));
    }
}

/* Every state, every direction, every sound kind of segment: what is refused or tolerated leaves the state alone. */
TEST(only_what_passes_changes_the_state)
{
    static const unsigned kinds[] = {SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK};
    static const uint32_t numbers[] = {0, 1000, 1001, 5000, 5001, 6000, 0x80000000, UINT32_MAX};
    for (int state = TCP_SYN_SENT; state < TCP_STATES; state++)
        for (int direction = 0; direction < 2; direction++)
            for (size_t k = 0; k < COUNT(kinds); k++)
                for (size_t seq = 0; seq < COUNT(numbers); seq++)
                    for (size_t ack = 0; ack < COUNT(numbers); ack++) {
                        struct conn conn = {.family = TG_IPV4, .proto = TG_PROTO_TCP, .state = (uint8_t)state};
                        conn.side[0] = (struct conn_side){1001, 11001, 5001, 10000};
                        conn.side[1] = (struct conn_side){5001, 15001, 1001, 10000};
                        struct tg_packet packet = {.kind = TG_TRANSPORT_TCP,
                                                   .tcp.flags = (uint8_t)kinds[k],
                                                   .tcp.seq = numbers[seq],
                                                   .tcp.ack = numbers[ack],
                                                   .tcp.window = 10000};
                        enum tcp_judgement judgement = tcp_follow(&conn, (enum conn_direction)direction, &packet);
                        assert_true(conn.state < TCP_STATES && conn.state != TCP_NONE);
                        if (judgement != TCP_PASS)
                            assert_int_equal(conn.state, state);
                        if (judgement == TCP_BEGIN)
                            assert_true(state == TCP_TIME_WAIT || state == TCP_RESET);
                    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_opening),
        cmocka_unit_test(lives_together),
        cmocka_unit_test(lives_talking),
        cmocka_unit_test(lives_scaled),
        cmocka_unit_test(lives_closing),
        cmocka_unit_test(lives_resets),
        cmocka_unit_test(lives_strangers),
        cmocka_unit_test(lives_again),
        cmocka_unit_test(lives_wrapping),
        cmocka_unit_test(lives_fast),
        cmocka_unit_test(lives_picked_up),
        cmocka_unit_test(what_may_begin),
        cmocka_unit_test(only_what_passes_changes_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
