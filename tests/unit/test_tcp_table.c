/* TCP through the whole engine, segment by segment: what passes a router with forwards and masquerading, and what does
 * not (RFC 9293, RFC 5961, RFC 7323, RFC 7413; van Rooij's windows).
 *
 * A scenario is a connection. Each of its lines is a segment and the verdict that it must get:
 *
 *   DIRECTION FLAGS SEQ[+BYTES] [ack N] [win N] [ws N] [sackok] [sack N] [ts] [cookie] [urg N] = VERDICT
 *   wait SECONDS
 *
 * DIRECTION is > for the beginner and < for the other side; FLAGS are of SAFRPUEW, or - for none; `win` is 10000 if it
 * is not said. SEQ and ACK count from each side's first number, which is its SYN's. VERDICT is `new` (a rule or forward
 * lets it begin), `pass` (it belongs to the connection), `invalid` or `malformed`.
 *
 * Every scenario is played from inside through masquerading, with a port that another has taken before; from outside
 * through a forward; and over IPv6; each with first numbers in the middle, just below where numbers begin anew, and
 * below where their sign does.
 */
#include "house.h"

struct scenario {
    const char *name;
    const char *lines[24];
};

#define OPEN   "> S 0 = new", "< SA 0 ack 1 = pass", "> A 1 ack 1 = pass"
#define CLOSED OPEN, "> FA 1 ack 1 = pass", "< FA 1 ack 2 = pass", "> A 2 ack 2 = pass"

static const struct scenario opening[] = {
    {"the ordinary way", {OPEN, "> PA 1+100 ack 1 = pass", "< A 1 ack 101 = pass"}},
    {"with every option there is",
     {"> SEW 0 ws 7 sackok ts = new", "< SAE 0 ack 1 ws 7 sackok ts = pass", "> A 1 ack 1 ts = pass",
      "> PAW 1+100 ack 1 ts = pass"}},
    {"the SYN is lost further on",
     {"> S 0 = new", "wait 1", "> S 0 = pass", "wait 3", "> S 0 = pass", "< SA 0 ack 1 = pass"}},
    {"the answer is lost",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "wait 1", "> S 0 = pass", "< SA 0 ack 1 = pass", "> A 1 ack 1 = pass"}},
    {"the last acknowledgement is lost, and data stands for it",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "> PA 1+10 ack 1 = pass", "< A 1 ack 11 = pass"}},
    {"the last acknowledgement is lost further on: the answer again",
     {OPEN, "wait 1", "< SA 0 ack 1 = pass", "> A 1 ack 1 = pass", "> PA 1+10 ack 1 = pass"}},
    {"the server speaks first",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "< PA 1+50 ack 1 = pass", "> A 1 ack 51 = pass"}},
    {"refused", {"> S 0 = new", "< RA 0 ack 1 = pass", "> S 0 = new", "< RA 0 ack 1 = pass"}},
    {"refused by somebody who did not see the SYN",
     {"> S 0 = new", "< RA 0 ack 0 = invalid", "< RA 0 ack 2 = invalid", "< R 1 = invalid", "< SA 0 ack 1 = pass"}},
    {"answers to what was not asked",
     {"> S 0 = new", "< SA 0 ack 0 = invalid", "< SA 0 ack 2 = invalid", "< SA 0 ack 2147483649 = invalid",
      "< SA 0 ack 1 = pass"}},
    {"before any answer, nothing else",
     {"> S 0 = new", "> A 1 ack 1 = invalid", "> PA 1+10 ack 1 = invalid", "> FA 1 ack 1 = invalid",
      "> SA 0 ack 1 = invalid", "< FA 1 ack 1 = invalid", "< SA 0 ack 1 = pass"}},
    {"a host without memory answers anew, with another number",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "> S 0 = pass", "< SA 90000 ack 1 = pass", "> A 1 ack 90001 = pass",
      "< PA 90001+10 ack 1 = pass", "< PA 1+10 ack 1 = invalid"}},
    {"the beginner has started anew",
     {"> S 0 = new", "> S 70000 = pass", "< SA 0 ack 1 = invalid", "< SA 0 ack 70001 = pass",
      "> A 70001 ack 1 = pass"}},
    {"a host that still believes in an older connection: challenge, reset, and anew (RFC 9293 3.5.1)",
     {"> S 0 = new", "< A 500000 ack 800000 = pass", "> R 800000 = pass", "> S 0 = new", "< SA 0 ack 1 = pass"}},
    {"a reset that answers no challenge", {"> S 0 = new", "< A 500000 ack 800000 = pass", "> R 800001 = invalid"}},
    {"nobody gives up in the beginner's name",
     {"> S 0 = new", "> R 0 = invalid", "> R 4294966296 = invalid", "> R 2 = invalid", "> RA 0 ack 1 = invalid",
      "< SA 0 ack 1 = pass", "> R 0 = invalid", "< R 0 = invalid", "> A 1 ack 1 = pass"}},
    {"the handshake's end acknowledges the answer",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "> A 1 ack 0 = invalid", "> PA 1+10 ack 4294967000 = invalid",
      "> A 1 ack 1 = pass"}},
    {"repeated without options, which the answer has",
     {"> S 0 ws 7 sackok = new", "wait 1", "> S 0 = pass", "< SA 0 ack 1 ws 7 sackok = pass", "> A 1 ack 1 = pass",
      "< A 1 ack 1 = pass", "< PA 1000001+1 ack 1 = pass", "> PA 1000001+1 ack 1 = pass"}},
    {"an answer taken back, and the reset is lost",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "< R 1 = pass", "> A 1 ack 1 = pass", "> PA 1+10 ack 1 = pass",
      "< R 1 = pass", "> S 9000 = new"}},
    {"after a refusal there is nothing to say",
     {"> S 0 = new", "< RA 0 ack 1 = pass", "< RA 0 ack 1 = pass", "> A 1 ack 1 = invalid", "< A 1 ack 1 = invalid",
      "< R 1 = invalid", "> S 0 = new"}},
    {"a half-open scan", {"> S 0 = new", "< SA 0 ack 1 = pass", "> R 1 = pass"}},
    {"a server that is full closes at once",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "< FA 1 ack 1 = pass", "> A 1 ack 2 = pass"}},
    {"and has four minutes, as long as nobody has heard it",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "< FA 1 ack 1 = pass", "wait 241", "> A 1 ack 2 = invalid"}},
    {"four minutes to answer (RFC 5382 REQ-5)",
     {"> S 0 = new", "wait 239", "< SA 0 ack 1 = pass", "wait 239", "> A 1 ack 1 = pass"}},
    {"and no more", {"> S 0 = new", "wait 241", "< SA 0 ack 1 = invalid", "> S 0 = new"}},
};

/* RFC 9293 3.5, RFC 5382 REQ-2a. */
static const struct scenario together[] = {
    {"crossed SYNs, both answered",
     {"> S 0 = new", "< S 0 = pass", "> SA 0 ack 1 = pass", "< SA 0 ack 1 = pass", "> A 1 ack 1 = pass",
      "> PA 1+10 ack 1 = pass", "< PA 1+10 ack 11 = pass"}},
    {"the other's answer first",
     {"> S 0 = new", "< S 0 = pass", "< SA 0 ack 1 = pass", "> SA 0 ack 1 = pass", "< PA 1+10 ack 1 = pass"}},
    {"SYNs repeated", {"> S 0 = new", "< S 0 = pass", "> S 0 = pass", "< S 0 = pass", "< SA 0 ack 1 = pass"}},
    {"one answer alone is heard",
     {"> S 0 = new", "< S 0 = pass", "> SA 0 ack 1 = pass", "< A 1 ack 1 = pass", "> PA 1+10 ack 1 = pass"}},
    {"an answer to something else",
     {"> S 0 = new", "< S 0 = pass", "> SA 0 ack 7777 = invalid", "< SA 0 ack 7777 = invalid"}},
    {"nothing but an answer comes next",
     {"> S 0 = new", "< S 0 = pass", "> A 1 ack 1 = invalid", "< FA 1 ack 1 = invalid"}},
};

static const struct scenario talking[] = {
    {"data both ways, at once",
     {OPEN, "> PA 1+1460 ack 1 = pass", "< PA 1+1460 ack 1 = pass", "> A 1461 ack 1461 = pass",
      "< A 1461 ack 1461 = pass"}},
    {"a segment is lost, and sent again",
     {OPEN, "> PA 1001+1000 ack 1 = pass", "< A 1 ack 1 = pass", "> PA 1+1000 ack 1 = pass", "< A 1 ack 2001 = pass"}},
    {"disorder",
     {OPEN, "> PA 3001+1000 ack 1 = pass", "> PA 1001+1000 ack 1 = pass", "> PA 2001+1000 ack 1 = pass",
      "> PA 1+1000 ack 1 = pass", "< A 1 ack 4001 = pass"}},
    {"repeated though acknowledged",
     {OPEN, "> PA 1+1000 ack 1 = pass", "< A 1 ack 1001 = pass", "> PA 1+1000 ack 1 = pass", "< A 1 ack 1001 = pass"}},
    {"repeated in other pieces",
     {OPEN, "> PA 1+1000 ack 1 = pass", "> PA 501+1000 ack 1 = pass", "> PA 1+1460 ack 1 = pass",
      "> PA 1+1 ack 1 = pass"}},
    {"acknowledged three times over, with what is missing (SACK)",
     {OPEN, "> PA 1+1000 ack 1 = pass", "> PA 2001+1000 ack 1 = pass", "< A 1 ack 1001 sack 2001 = pass",
      "< A 1 ack 1001 sack 2001 = pass", "< A 1 ack 1001 sack 2001 = pass", "> PA 1001+1000 ack 1 = pass",
      "< A 1 ack 3001 = pass"}},
    {"acknowledgements in disorder",
     {OPEN, "> PA 1+1000 ack 1 = pass", "> PA 1001+1000 ack 1 = pass", "< A 1 ack 2001 = pass",
      "< A 1 ack 1001 = pass"}},
    {"urgent, with and without data",
     {OPEN, "> AU 1+10 ack 1 urg 10 = pass", "< AU 1 ack 11 urg 1 = pass", "< PAU 1+1 ack 11 urg 1 = pass"}},
    {"keepalive, empty and with the last byte (RFC 9293 3.8.4)",
     {OPEN, "> PA 1+100 ack 1 = pass", "< A 1 ack 101 = pass", "wait 7000", "> A 100 ack 1 = pass",
      "< A 1 ack 101 = pass", "wait 7000", "> A 100+1 ack 1 = pass", "< A 1 ack 101 = pass", "wait 7439",
      "< A 0 ack 101 = pass"}},
    {"beyond what was acknowledged and offered",
     {OPEN, "> PA 10002+1 ack 1 = invalid", "< PA 10002+1 ack 1 = invalid", "> PA 10001+1 ack 1 = pass"}},
    {"far beyond, and far before",
     {OPEN, "> PA 900000+9 ack 1 = invalid", "< PA 2147483648+9 ack 1 = invalid", "> PA 4294867296+9 ack 1 = invalid"}},
    {"acknowledging what was never sent (RFC 5961 5)",
     {OPEN, "< A 1 ack 2 = invalid", "> A 1 ack 90000 = invalid", "< A 1 ack 2147483649 = invalid"}},
    {"acknowledging what was long ago", {OPEN, "< A 1 ack 4294897297 = invalid", "> A 1 ack 4294897297 = invalid"}},
    {"what is refused moves no window",
     {OPEN, "< A 1 ack 5000 win 60000 = invalid", "> PA 10002+1 ack 1 = invalid", "> PA 1+10 ack 9 = invalid",
      "> PA 1+10 ack 1 = pass"}},
    {"data after the end of data is its receiver's to ignore",
     {OPEN, "> FA 1 ack 1 = pass", "> PA 2+10 ack 1 = pass", "< A 1 ack 2 = pass"}},
    {"two hours and four minutes of silence (RFC 5382 REQ-5)",
     {OPEN, "wait 7440", "> PA 1+10 ack 1 = pass", "wait 7440", "< A 1 ack 11 = pass"}},
    {"and no more", {OPEN, "wait 7441", "> PA 1+10 ack 1 = invalid", "< PA 1+10 ack 1 = invalid"}},
};

static const struct scenario windows[] = {
    {"a closed window is probed with a byte, and opens",
     {OPEN, "> PA 1+1000 ack 1 = pass", "< A 1 ack 1001 win 0 = pass", "> A 1001+1 ack 1 = pass",
      "< A 1 ack 1001 win 0 = pass", "wait 60", "> A 1001+1 ack 1 = pass", "< A 1 ack 1002 win 20000 = pass",
      "> PA 15000+1000 ack 1 = pass", "> PA 21003+1 ack 1 = invalid"}},
    {"probed with an old byte",
     {OPEN, "> PA 1+1000 ack 1 = pass", "< A 1 ack 1001 win 0 = pass", "> A 1000 ack 1 = pass",
      "> A 1000+1 ack 1 = pass"}},
    {"closed from the start",
     {"> S 0 win 0 = new", "< SA 0 ack 1 win 0 = pass", "> A 1 ack 1 win 0 = pass", "> A 1+1 ack 1 = pass",
      "< A 1 ack 2 win 3000 = pass", "> PA 2+1460 ack 1 = pass"}},
    {"the window shrinks, and what was under way comes",
     {OPEN, "< A 1 ack 1 win 10 = pass", "> PA 1+1460 ack 1 = pass", "> PA 8001+1460 ack 1 = pass"}},
    {"an update without data",
     {OPEN, "< A 1 ack 1 win 30000 = pass", "> PA 30000+1 ack 1 = pass", "> PA 30002+1 ack 1 = invalid"}},
    {"shifted by both, each by its own",
     {"> S 0 ws 2 = new", "< SA 0 ack 1 ws 5 = pass", "> A 1 ack 1 = pass", "< A 1 ack 1 = pass",
      "> PA 320001+1 ack 1 = pass", "> PA 320003+1 ack 1 = invalid", "< PA 40001+1 ack 1 = pass",
      "< PA 40003+1 ack 1 = invalid"}},
    {"shifted by one is shifted by none (RFC 7323 2.2)",
     {"> S 0 ws 7 = new", "< SA 0 ack 1 = pass", "> A 1 ack 1 = pass", "< A 1 ack 1 = pass",
      "< PA 10002+1 ack 1 = invalid", "> PA 10002+1 ack 1 = invalid"}},
    {"nor if only the answer would",
     {"> S 0 = new", "< SA 0 ack 1 ws 7 = pass", "> A 1 ack 1 = pass", "< A 1 ack 1 = pass",
      "< PA 10002+1 ack 1 = invalid", "> PA 10002+1 ack 1 = invalid"}},
    {"those of the SYNs are not shifted",
     {"> S 0 ws 7 = new", "< SA 0 ack 1 ws 7 = pass", "< PA 10002+1 ack 1 = invalid", "> A 1 ack 1 = pass",
      "> PA 10002+1 ack 1 = invalid"}},
    {"by 14, and by more, which is 14 (RFC 7323 2.3)",
     {"> S 0 ws 14 = new", "< SA 0 ack 1 ws 200 = pass", "> A 1 ack 1 = pass", "< A 1 ack 1 = pass",
      "> PA 163840001+1 ack 1 = pass", "> PA 163840003+1 ack 1 = invalid"}},
    {"old by a large window",
     {"> S 0 ws 7 = new", "< SA 0 ack 1 ws 7 = pass", "> A 1 ack 1 = pass", "< A 1 ack 1 = pass",
      "> PA 900001+1000 ack 1 = pass", "> PA 1+1000 ack 1 = pass"}},
};

static const struct scenario closing[] = {
    {"the beginner first", {CLOSED}},
    {"the other side first",
     {OPEN, "< FA 1 ack 1 = pass", "> A 1 ack 2 = pass", "> FA 1 ack 2 = pass", "< A 2 ack 2 = pass"}},
    {"both at once", {OPEN, "> FA 1 ack 1 = pass", "< FA 1 ack 1 = pass", "> A 2 ack 2 = pass", "< A 2 ack 2 = pass"}},
    {"half closed: the other goes on speaking",
     {OPEN, "> FA 1 ack 1 = pass", "< A 1 ack 2 = pass", "< PA 1+1460 ack 2 = pass", "> A 2 ack 1461 = pass",
      "< PA 1461+1460 ack 2 = pass", "> A 2 ack 2921 = pass", "< FA 2921 ack 2 = pass", "> A 2 ack 2922 = pass"}},
    {"half closed, and nothing is said for hours (RFC 5382 REQ-5)",
     {OPEN, "> FA 1 ack 1 = pass", "< A 1 ack 2 = pass", "wait 7440", "< PA 1+1460 ack 2 = pass", "wait 7440",
      "> A 2 ack 1461 = pass", "wait 7440", "< FA 1461 ack 2 = pass", "> A 2 ack 1462 = pass", "wait 241",
      "> A 2 ack 1462 = invalid"}},
    {"by the other side",
     {OPEN, "< FA 1 ack 1 = pass", "> A 1 ack 2 = pass", "wait 7440", "> PA 1+1460 ack 2 = pass", "wait 7440",
      "< A 2 ack 1461 = pass", "wait 7441", "> PA 1461+10 ack 2 = invalid"}},
    {"an end that nobody acknowledges is repeated, or its sender is gone",
     {OPEN, "> FA 1 ack 1 = pass", "wait 239", "> FA 1 ack 1 = pass", "< PA 1+9 ack 1 = pass", "wait 241",
      "< A 10 ack 2 = invalid"}},
    {"closed by both, four minutes for what is not acknowledged",
     {OPEN, "> FA 1 ack 1 = pass", "< FA 1 ack 1 = pass", "wait 239", "> A 2 ack 2 = pass", "wait 241",
      "< A 2 ack 2 = invalid"}},
    {"with the last data", {OPEN, "> PFA 1+100 ack 1 = pass", "< PFA 1+50 ack 102 = pass", "> A 102 ack 52 = pass"}},
    {"the end before the data before it",
     {OPEN, "> FA 101 ack 1 = pass", "> PA 1+100 ack 1 = pass", "< A 1 ack 102 = pass"}},
    {"the end repeated, and what answers it",
     {OPEN, "> FA 1 ack 1 = pass", "> FA 1 ack 1 = pass", "< FA 1 ack 2 = pass", "< FA 1 ack 2 = pass",
      "> A 2 ack 2 = pass", "< FA 1 ack 2 = pass", "> A 2 ack 2 = pass"}},
    {"an end outside the window",
     {OPEN, "> FA 90000 ack 1 = invalid", "< FA 90000 ack 1 = invalid", "> PA 1+10 ack 1 = pass"}},
    {"an end with a forged acknowledgement",
     {OPEN, "< FA 1 ack 9999 = invalid", "wait 7000", "< PA 1+10 ack 1 = pass"}},
    {"the same ports anew, after all is said (RFC 9293 3.6.1)",
     {CLOSED, "> S 90000 = new", "< SA 700 ack 90001 = pass", "> A 90001 ack 701 = pass"}},
    {"anew with a number below the last", {CLOSED, "> S 4294000000 = new", "< SA 700 ack 4294000001 = pass"}},
    {"anew, but the host has not forgotten: challenge, reset, anew",
     {CLOSED, "> S 1 = new", "< A 2 ack 2 = pass", "> R 2 = pass", "> S 1 = new", "< SA 90000 ack 2 = pass"}},
    {"anew, and the last words of the old one",
     {CLOSED, "> S 1 = new", "< FA 1 ack 2 = pass", "> A 2 ack 2 = pass", "< FA 2 ack 2 = invalid",
      "> A 3 ack 2 = invalid", "< SA 90000 ack 2 = pass", "> A 2 ack 90001 = pass"}},
    {"which keep nothing alive", {CLOSED, "> S 1 = new", "wait 239", "< FA 1 ack 2 = pass", "wait 2", "> S 1 = new"}},
    {"not before all is acknowledged",
     {OPEN, "> FA 1 ack 1 = pass", "< FA 1 ack 2 = pass", "> S 90000 = pass", "< A 2 ack 2 = pass",
      "> A 2 ack 2 = pass"}},
    {"nothing else begins anew",
     {CLOSED, "> SA 90000 ack 1 = pass", "> PA 90000+10 ack 1 = invalid", "> FA 90000 ack 1 = invalid"}},
    {"four minutes for what comes late",
     {CLOSED, "wait 239", "< FA 1 ack 2 = pass", "> A 2 ack 2 = pass", "wait 241", "< FA 1 ack 2 = invalid"}},
};

/* RFC 5961 3: exactly what its receiver expects, or it is no reset. */
static const struct scenario resets[] = {
    {"exact", {OPEN, "< R 1 = pass", "> S 5000 = new"}},
    {"exact, with an acknowledgement", {OPEN, "> RA 1 ack 1 = pass", "< PA 1+10 ack 1 = pass"}},
    {"one more, one less", {OPEN, "< R 2 = invalid", "> R 2 = invalid", "> R 0 = invalid", "< PA 1+10 ack 1 = pass"}},
    {"in the window",
     {OPEN, "< R 100 = invalid", "< R 9999 = invalid", "> R 100 = invalid", "wait 7000", "> PA 1+10 ack 1 = pass"}},
    {"outside",
     {OPEN, "< R 20000 = invalid", "< R 2147483649 = invalid", "< RA 4294967000 ack 1 = invalid", "wait 7000",
      "> PA 1+10 ack 1 = pass"}},
    {"behind data that is not acknowledged yet", {OPEN, "< PA 1+1000 ack 1 = pass", "< R 1001 = pass"}},
    {"before data that its receiver has not had",
     {OPEN, "< PA 1+1000 ack 1 = pass", "> A 1 ack 1 = pass", "< R 1 = pass"}},
    {"between the two",
     {OPEN, "< PA 1+1000 ack 1 = pass", "< PA 1001+1000 ack 1 = pass", "> A 1 ack 1001 = pass", "< R 1500 = invalid",
      "< R 1 = invalid", "< R 1001 = pass"}},
    {"of a host that has forgotten all: with the number that was acknowledged to it",
     {OPEN, "> PA 1+100 ack 1 = pass", "< R 1 = pass"}},
    {"for data that comes after close", {OPEN, "> FA 1 ack 1 = pass", "< PA 1+100 ack 1 = pass", "> R 1 = pass"}},
    {"while half closed", {OPEN, "> FA 1 ack 1 = pass", "> R 3 = invalid", "> R 2 = pass"}},
    {"while the handshake lasts",
     {"> S 0 = new", "< SA 0 ack 1 = pass", "< R 7 = invalid", "> R 9 = invalid", "< R 1 = pass"}},
    {"the beginner gives up", {"> S 0 = new", "> R 1 = pass", "> S 0 = new"}},
    {"repeated", {OPEN, "< R 1 = pass", "< R 1 = pass", "< R 2 = invalid"}},
    {"doubted by its receiver: a challenge, and another (RFC 5961 3.2)",
     {OPEN, "< PA 1+1000 ack 1 = pass", "< R 1001 = pass", "> A 1 ack 1 = pass", "< R 1 = pass"}},
    {"not heard by its receiver, and talk goes on",
     {OPEN, "< R 1 = pass", "> PA 1+100 ack 1 = pass", "< PA 1+100 ack 101 = pass"}},
    {"four minutes after it, if all is silent (RFC 7857 2.2)",
     {OPEN, "< R 1 = pass", "wait 239", "> S 9 = new", "< SA 9 ack 10 = pass"}},
    {"and no more", {OPEN, "< R 1 = pass", "wait 241", "> PA 1+9 ack 1 = invalid"}},
    {"not heard by its receiver, and all the time that it had before",
     {OPEN, "< R 1 = pass", "wait 239", "> PA 1+9 ack 1 = pass", "wait 7440", "< A 1 ack 10 = pass"}},
    {"challenged by its receiver, and all the time that it had before",
     {OPEN, "< PA 1+1000 ack 1 = pass", "< R 1001 = pass", "> A 1 ack 1 = pass", "wait 7440",
      "< PA 1+1000 ack 1 = pass"}},
    {"what is outside the window is no answer to it",
     {OPEN, "< R 1 = pass", "> PA 90001+9 ack 1 = invalid", "> A 1 ack 2 = invalid", "wait 241",
      "> PA 1+9 ack 1 = invalid"}},
    {"repeated, it keeps nothing alive (RFC 7857 6)",
     {OPEN, "< R 1 = pass", "wait 200", "< R 1 = pass", "> R 1 = pass", "wait 41", "> PA 1+9 ack 1 = invalid"}},
    {"nor while it opens",
     {"> S 0 = new", "< RA 0 ack 1 = pass", "wait 200", "< RA 0 ack 1 = pass", "wait 41", "< RA 0 ack 1 = invalid"}},
    {"while half closed, and not heard",
     {OPEN, "> FA 1 ack 1 = pass", "< R 1 = pass", "< PA 1+9 ack 2 = pass", "wait 7440", "< FA 10 ack 2 = pass"}},
};

static const struct scenario strangers[] = {
    {"a SYN in the midst: the challenge comes back (RFC 5961 4)",
     {OPEN, "> S 500 = pass", "< A 1 ack 1 = pass", "> PA 1+10 ack 1 = pass", "< A 1 ack 11 = pass"}},
    {"a SYN of the host itself, which has started anew",
     {OPEN, "> S 77777 = pass", "< A 1 ack 1 = pass", "> R 1 = pass", "> S 77777 = new", "< SA 9 ack 77778 = pass"}},
    {"a SYN from the other side", {OPEN, "< S 500 = pass", "> A 1 ack 1 = pass", "< PA 1+10 ack 1 = pass"}},
    {"an answer from the other side",
     {OPEN, "< SA 77777 ack 1 = pass", "> A 1 ack 1 = pass", "< PA 1+10 ack 1 = pass",
      "< PA 77778+10 ack 1 = invalid"}},
    {"none of them moves a window",
     {OPEN, "> S 10000 = pass", "< A 1 ack 10001 = invalid", "< S 10000 = pass", "> A 1 ack 10001 = invalid"}},
    {"nor keeps what is silent alive",
     {OPEN, "wait 7430", "> S 500 = pass", "< S 500 = pass", "< SA 5 ack 1 = pass", "wait 11",
      "> PA 1+10 ack 1 = invalid"}},
    {"while it closes",
     {OPEN, "> FA 1 ack 1 = pass", "> S 500 = pass", "< S 500 = pass", "< FA 1 ack 2 = pass", "> A 2 ack 2 = pass"}},
    {"what begins nothing",
     {"> A 1 ack 1 = invalid", "> PA 1+10 ack 1 = invalid", "> FA 1 ack 1 = invalid", "> SA 0 ack 1 = invalid",
      "> R 1 = invalid", "> RA 1 ack 1 = invalid", "< A 1 ack 1 = invalid", "< SA 0 ack 1 = invalid", "< R 1 = invalid",
      "< FA 1 ack 1 = invalid"}},
    {"flags that exclude each other, before and within",
     {"> SF 0 = malformed", "> SR 0 = malformed", "> - 0 = malformed", "> F 0 = malformed", OPEN, "> FPU 1 = malformed",
      "> SRA 1 ack 1 = malformed", "< P 1+10 = malformed", "< SFA 1 ack 1 = malformed", "< FRA 1 ack 1 = malformed",
      "> U 1 = malformed", "> PA 1+10 ack 1 = pass"}},
};

/* RFC 7413. */
static const struct scenario fast[] = {
    {"a cookie is asked for", {"> S 0 cookie = new", "< SA 0 ack 1 cookie = pass", "> A 1 ack 1 = pass"}},
    {"data in the SYN, all taken",
     {"> S 0+500 cookie = new", "< SA 0 ack 501 = pass", "< PA 1+1000 ack 501 = pass", "> A 501 ack 1001 = pass"}},
    {"none taken",
     {"> S 0+500 cookie = new", "< SA 0 ack 1 = pass", "> PA 1+500 ack 1 = pass", "< A 1 ack 501 = pass"}},
    {"a part taken",
     {"> S 0+500 cookie = new", "< SA 0 ack 201 = pass", "> PA 201+300 ack 1 = pass", "< A 1 ack 501 = pass"}},
    {"more than was sent",
     {"> S 0+500 cookie = new", "< SA 0 ack 502 = invalid", "< RA 0 ack 502 = invalid", "< RA 0 ack 501 = pass"}},
    {"data in the answer",
     {"> S 0+500 cookie = new", "< SA 0+300 ack 501 = pass", "> A 501 ack 301 = pass", "< PA 301+10 ack 501 = pass"}},
    {"repeated without its data",
     {"> S 0+500 cookie = new", "> S 0 = pass", "< SA 0 ack 501 = pass", "> A 501 ack 1 = pass"}},
};

/* ---- reading ---- */

struct line {
    bool is_wait, is_reply;
    double seconds;
    unsigned flags;
    uint32_t seq, ack, payload, window, urgent;
    uint8_t options[40];
    uint32_t option_len;
    char verdict[16];
};

static unsigned read_flags(const char *letters)
{
    static const char names[] = "FSRPAUEW";
    unsigned flags = 0;
    for (; *letters != '\0' && *letters != '-'; letters++) {
        const char *at = strchr(names, *letters);
        if (at == NULL)
            fail_msg("not a flag: %c", *letters);
        flags |= 1u << (at - names);
    }
    return flags;
}

static void add_option(struct line *line, const void *bytes, uint32_t len)
{
    memcpy(line->options + line->option_len, bytes, len);
    line->option_len += len;
}

/* A word that is an option of the segment.
 * => false if it is none */
static bool read_option(struct line *line, const char *word, uint32_t number)
{
    uint8_t scale[] = {1, 3, 3, (uint8_t)number}, sack[12] = {1, 1, 5, 10};
    static const uint8_t sack_permitted[] = {1, 1, 4, 2}, times[] = {1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8},
                         cookie[] = {1, 1, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    put32(sack + 4, number);
    put32(sack + 8, number + 1000);
    if (strcmp(word, "ws") == 0)
        add_option(line, scale, sizeof scale);
    else if (strcmp(word, "sack") == 0)
        add_option(line, sack, sizeof sack);
    else if (strcmp(word, "sackok") == 0)
        add_option(line, sack_permitted, sizeof sack_permitted);
    else if (strcmp(word, "ts") == 0)
        add_option(line, times, sizeof times);
    else if (strcmp(word, "cookie") == 0)
        add_option(line, cookie, sizeof cookie);
    else
        return false;
    return true;
}

static bool has_number(const char *word)
{
    return strcmp(word, "sackok") != 0 && strcmp(word, "ts") != 0 && strcmp(word, "cookie") != 0;
}

static struct line read_line(const char *text)
{
    struct line line = {.window = 10000};
    char copy[160], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", text);
    word = strtok_r(rest, " ", &rest);
    line.is_wait = strcmp(word, "wait") == 0;
    if (line.is_wait) {
        line.seconds = strtod(rest, NULL);
        return line;
    }
    line.is_reply = word[0] == '<';
    line.flags = read_flags(strtok_r(NULL, " ", &rest));
    word = strtok_r(NULL, " ", &rest);
    line.seq = (uint32_t)strtoul(word, &word, 10);
    line.payload = *word == '+' ? (uint32_t)strtoul(word + 1, NULL, 10) : 0;
    while ((word = strtok_r(NULL, " ", &rest)) != NULL && strcmp(word, "=") != 0) {
        uint32_t number = has_number(word) ? (uint32_t)strtoul(strtok_r(NULL, " ", &rest), NULL, 10) : 0;
        if (strcmp(word, "ack") == 0)
            line.ack = number;
        else if (strcmp(word, "win") == 0)
            line.window = number;
        else if (strcmp(word, "urg") == 0)
            line.urgent = number;
        else if (!read_option(&line, word, number))
            fail_msg("not a word: %s in '%s'", word, text);
    }
    if (sscanf(rest, "%15s", line.verdict) != 1)
        fail_msg("nothing is expected of '%s'", text);
    return line;
}

/* ---- playing ---- */

/* A way through the router: who begins and who answers, as each is seen where its packets come in. */
struct way {
    const char *name;
    uint8_t zone[2];
    const char *ends, *answer; /* %u: the outside port of the masqueraded one */
};

static const struct way ways[] = {
    {"masqueraded", {LAN, WAN}, "192.168.1.9:5000 > 198.51.100.1:80", "198.51.100.1:80 > 203.0.113.1:%u"},
    {"forwarded", {WAN, LAN}, "198.51.100.9:4000 > 203.0.113.1:8080", "192.168.1.50:80 > 198.51.100.9:4000"},
    {"ipv6", {LAN, WAN}, "[fd00:1::9]:5000 > [2001:db8:9::1]:80", "[2001:db8:9::1]:80 > [fd00:1::9]:5000"},
};

struct play {
    struct house h;
    const struct way *way;
    uint32_t first[2]; /* number of each side */
    uint16_t port;     /* that the masqueraded one has outside */
};

/* As the engine says it, in the table's words. */
static const char *verdict_of(const struct tg_verdict *v)
{
    switch (v->reason) {
    case TG_REASON_RULE:
    case TG_REASON_FORWARD: return v->action == TG_ACCEPT ? "new" : "refused";
    case TG_REASON_ESTABLISHED: return v->action == TG_ACCEPT ? "pass" : "refused";
    default: return tg_reason_name(v->reason);
    }
}

static struct bytes segment_of(const struct play *play, const struct line *line)
{
    char ends[100];
    snprintf(ends, sizeof ends, "%s", play->way->ends);
    if (line->is_reply) {
        const char *number = strstr(play->way->answer, "%u");
        int fixed = number == NULL ? (int)strlen(play->way->answer) : (int)(number - play->way->answer);
        snprintf(ends, sizeof ends, "%.*s", fixed, play->way->answer);
        if (number != NULL)
            snprintf(ends + fixed, sizeof ends - (size_t)fixed, "%u", play->port);
    }
    uint32_t ack = line->flags & ACK ? line->ack + play->first[!line->is_reply] : 0;
    struct bytes b = tcp_with_options(ends, line->flags, line->seq + play->first[line->is_reply], ack, line->payload,
                                      line->window, line->options, line->option_len);
    put16(transport(&b) + 18, line->urgent);
    seal(&b);
    return b;
}

/* Another inside wants the same outside port, and has it first: a port that is kept proves nothing. */
static void take_port(struct play *play, const char *scenario)
{
    struct bytes decoy = tcp("192.168.1.8:5000 > 198.51.100.7:80", SYN, 1, 0, 0);
    judge(&play->h, LAN, &decoy);
    CHECK(scenario, play->h.verdict.action == TG_ACCEPT && left_from(&play->h) == 5000);
}

static void play_line(struct play *play, const char *scenario, const char *text)
{
    struct line line = read_line(text);
    if (strcmp(line.verdict, "new") == 0)
        take_port(play, scenario);
    if (line.is_wait) {
        wait_for(&play->h, line.seconds);
        return;
    }
    struct bytes b = segment_of(play, &line);
    judge(&play->h, play->way->zone[line.is_reply], &b);
    const char *verdict = verdict_of(&play->h.verdict);
    if (strcmp(verdict, line.verdict) != 0)
        fail_msg("%s, %s from %u and %u: '%s', but got %s (%s)", scenario, play->way->name, play->first[0],
                 play->first[1], text, verdict, play->h.text);
    if (play->h.verdict.action != TG_ACCEPT)
        return;
    /* numbers, flags and window are the hosts' own */
    CHECK(scenario, memcmp(transport(&b) + 4, transport(&play->h.bytes) + 4, 12) == 0);
    if (strcmp(verdict, "new") == 0)
        play->port = left_from(&play->h);
    CHECK(scenario, play->way != &ways[0] || play->port != 5000);
}

static struct play open_play(const struct way *way, const uint32_t first[2])
{
    struct tg_policy *policy = home_policy();
    add_forward(policy, TG_PROTO_TCP, 8080, 1, "192.168.1.50", 80, 1);
    return (struct play){.h = open_house(policy, 64, 1), .way = way, .first = {first[0], first[1]}, .port = 5000};
}

static void play(const struct scenario *scenario, const struct way *way, const uint32_t first[2])
{
    struct play play = open_play(way, first);
    for (size_t i = 0; scenario->lines[i] != NULL; i++)
        play_line(&play, scenario->name, scenario->lines[i]);
    close_house(&play.h);
}

static void play_all(const struct scenario *scenarios, size_t count)
{
    static const uint32_t firsts[][2] = {{1000, 5000}, {UINT32_MAX, UINT32_MAX - 700}, {INT32_MAX - 50, INT32_MAX}};
    for (size_t i = 0; i < count; i++)
        for (size_t w = 0; w < COUNT(ways); w++)
            for (size_t f = 0; f < COUNT(firsts); f++)
                play(&scenarios[i], &ways[w], firsts[f]);
}

#define PLAY(table)                                                                                                    \
    TEST(table##_scenarios)                                                                                            \
    {                                                                                                                  \
        play_all(table, COUNT(table));                                                                                 \
    }

PLAY(opening)
PLAY(together)
PLAY(talking)
PLAY(windows)
PLAY(closing)
PLAY(resets)
PLAY(strangers)
PLAY(fast)

/* A SYN on the ports of a connection that is over, by somebody whom the rules do not let begin one: nothing of the old
 * one is forgotten. */
TEST(a_refused_syn_ends_nothing)
{
    static const struct {
        const char *name, *lines[12];
    } rows[] = {
        {"time-wait", {CLOSED, "wait 100"}},
        {"reset", {OPEN, "< R 1 = pass", "wait 100"}},
        {"refused", {"> S 0 = new", "< SA 0 ack 1 = pass", "< R 1 = pass", "wait 100"}},
    };
    static const struct way *const refusing[] = {&ways[0], &ways[2]}; /* who answers there may not begin */
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t w = 0; w < COUNT(refusing); w++) {
            struct play play = open_play(refusing[w], (uint32_t[2]){1000, 5000});
            for (size_t l = 0; rows[i].lines[l] != NULL; l++)
                play_line(&play, rows[i].name, rows[i].lines[l]);
            struct line line = read_line("< S 90000 = default");
            struct bytes syn = segment_of(&play, &line);
            judge(&play.h, WAN, &syn);
            CHECK(rows[i].name, play.h.verdict.action == TG_DROP && play.h.verdict.reason == TG_REASON_DEFAULT);
            play_line(&play, rows[i].name, "< SA 0 ack 1 = pass");
            wait_for(&play.h, 141); /* nor has it been given more time */
            play_line(&play, rows[i].name, "< SA 0 ack 1 = invalid");
            close_house(&play.h);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_scenarios),          cmocka_unit_test(together_scenarios),
        cmocka_unit_test(talking_scenarios),          cmocka_unit_test(windows_scenarios),
        cmocka_unit_test(closing_scenarios),          cmocka_unit_test(resets_scenarios),
        cmocka_unit_test(strangers_scenarios),        cmocka_unit_test(fast_scenarios),
        cmocka_unit_test(a_refused_syn_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
