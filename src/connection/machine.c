#include "connection/machine.h"

#include "connection/dccp.h"
#include "connection/sctp.h"

bool machine_is_opening(const struct tg_packet *packet)
{
    switch (packet->outer.tuple.proto) {
    case TG_PROTO_TCP: return tcp_is_opening(packet);
    case TG_PROTO_SCTP: return sctp_is_opening(packet);
    case TG_PROTO_DCCP: return dccp_is_opening(packet);
    default: return true;
    }
}

bool machine_is_going_on(const struct tg_packet *packet)
{
    switch (packet->outer.tuple.proto) {
    case TG_PROTO_TCP: return tcp_is_going_on(packet);
    case TG_PROTO_SCTP: return sctp_is_going_on(packet);
    case TG_PROTO_DCCP: return dccp_is_going_on(packet);
    default: return true;
    }
}

void machine_open(struct conn *conn, const struct tg_packet *packet)
{
    switch (conn->proto) {
    case TG_PROTO_TCP:
        if (tcp_is_opening(packet))
            tcp_open(conn, packet);
        else
            tcp_pick_up(conn, packet);
        break;
    case TG_PROTO_SCTP: sctp_open(conn, packet); break;
    case TG_PROTO_DCCP: dccp_open(conn, packet); break;
    default: break;
    }
}

bool machine_begins_anew(const struct conn *conn, const struct tg_packet *packet)
{
    switch (conn->proto) {
    case TG_PROTO_TCP: return tcp_begins_anew(conn, packet);
    case TG_PROTO_SCTP: return sctp_begins_anew(conn, packet);
    case TG_PROTO_DCCP: return dccp_begins_anew(conn, packet);
    default: return false;
    }
}

enum tcp_judgement machine_follow(struct conn *conn, enum conn_direction direction, const struct tg_packet *packet)
{
    switch (conn->proto) {
    case TG_PROTO_TCP: return tcp_follow(conn, direction, packet);
    case TG_PROTO_SCTP: return sctp_follow(conn, direction, packet);
    case TG_PROTO_DCCP: return dccp_follow(conn, direction, packet);
    default: return TCP_PASS;
    }
}

static enum machine_phase tcp_phase(const struct conn *conn)
{
    switch ((enum tcp_state)conn->state) {
    case TCP_ESTABLISHED: return MACHINE_ESTABLISHED;
    case TCP_FIN_ORIGINAL:
    case TCP_FIN_REPLY: return tcp_is_half_closed(conn) ? MACHINE_ESTABLISHED : MACHINE_CLOSING;
    case TCP_CLOSING:
    case TCP_TIME_WAIT:
    case TCP_RESET:
    case TCP_REFUSED: return MACHINE_CLOSING;
    default: return MACHINE_OPENING;
    }
}

enum machine_phase machine_phase(const struct conn *conn)
{
    switch (conn->proto) {
    case TG_PROTO_TCP: return tcp_phase(conn);
    case TG_PROTO_SCTP:
        if (conn->state == SCTP_ESTABLISHED)
            return MACHINE_ESTABLISHED;
        return conn->state == SCTP_OPENING ? MACHINE_OPENING : MACHINE_CLOSING;
    case TG_PROTO_DCCP:
        if (conn->state == DCCP_ESTABLISHED)
            return MACHINE_ESTABLISHED;
        return conn->state == DCCP_OPENING ? MACHINE_OPENING : MACHINE_CLOSING;
    default: return MACHINE_ESTABLISHED;
    }
}
