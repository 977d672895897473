/* A capture file of either kind. */
#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/capture.h"
#include "replay/link.h"
#include "replay/pcapng.h"

enum { BUFFER = 64 * 1024, PCAPNG_FIRST_BYTE = 0x0a };

struct capture {
    FILE *file; /* libpcap closes it, where there is a `pcap` */
    pcap_t *pcap;
    uint16_t link; /* of all that `pcap` gives */
    struct pcapng *pcapng;
    uint64_t size; /* 0 for what is no plain file */
    char error[CAPTURE_ERROR];
    char buffer[BUFFER]; /* of `file` */
};

/* libpcap gives link types in the numbering of this system, which differs from that of files in a few. */
static uint16_t link_of(int dlt)
{
    switch (dlt) {
    case DLT_RAW: return LINK_RAW;
    case DLT_ATM_RFC1483: return 100;
    case DLT_SLIP_BSDOS: return 102;
    case DLT_PPP_BSDOS: return 103;
    default: return (uint16_t)dlt;
    }
}

/* A hint for files that hold a capture, but packed. */
static const char *packed_as(int first)
{
    switch (first) {
    case 0x1f: return "gzip";
    case 0x28: return "zstd";
    case 0xfd: return "xz";
    case 'B': return "bzip2";
    default: return NULL;
    }
}

static bool open_pcap(struct capture *capture, int first)
{
    char why[PCAP_ERRBUF_SIZE];
    capture->pcap = pcap_fopen_offline_with_tstamp_precision(capture->file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (capture->pcap) {
        capture->link = link_of(pcap_datalink(capture->pcap));
        return true;
    }
    if (packed_as(first))
        snprintf(capture->error, sizeof capture->error, "not a capture; if it is packed (%s), unpack it and pipe it in",
                 packed_as(first));
    else
        snprintf(capture->error, sizeof capture->error, "not a capture: %s", why);
    return false;
}

/* Look at the first byte, leave it to be read again, and let the reader for it begin. */
static bool begin(struct capture *capture)
{
    errno = 0;
    int first = getc(capture->file);
    if (first == EOF) {
        snprintf(capture->error, sizeof capture->error, "%s", errno ? strerror(errno) : "empty");
        return false;
    }
    ungetc(first, capture->file);
    if (first != PCAPNG_FIRST_BYTE)
        return open_pcap(capture, first);
    capture->pcapng = pcapng_new(capture->file, capture->error);
    if (!capture->pcapng)
        snprintf(capture->error, sizeof capture->error, "%s", strerror(errno));
    return capture->pcapng;
}

struct capture *capture_open(const char *path, char error[CAPTURE_ERROR])
{
    struct stat status;
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture)
        capture->file = strcmp(path, "-") == 0 ? fdopen(dup(STDIN_FILENO), "rb") : fopen(path, "rbe");
    if (!capture || !capture->file) {
        snprintf(error, CAPTURE_ERROR, "%s", strerror(errno));
        free(capture);
        return NULL;
    }
    setvbuf(capture->file, capture->buffer, _IOFBF, sizeof capture->buffer);
    (void)__fsetlocking(capture->file,
                        FSETLOCKING_BYCALLER); /* no other thread has it; a lock costs more than a read */
    if (fstat(fileno(capture->file), &status) == 0 && S_ISREG(status.st_mode))
        capture->size = (uint64_t)status.st_size;
    if (begin(capture))
        return capture;
    snprintf(error, CAPTURE_ERROR, "%s", capture->error);
    capture_close(capture);
    return NULL;
}

void capture_close(struct capture *capture)
{
    if (!capture)
        return;
    pcapng_free(capture->pcapng);
    if (capture->pcap)
        pcap_close(capture->pcap);
    else
        fclose(capture->file);
    free(capture);
}

static enum capture_result next_of_pcap(struct capture *capture, struct capture_packet *packet)
{
    struct pcap_pkthdr *header;
    int result = pcap_next_ex(capture->pcap, &header, &packet->bytes);
    if (result == 1) {
        packet->len = header->caplen;
        packet->wire_len = header->len;
        /* both are unsigned in the file: seconds reach to 2106; nanoseconds of a broken one beyond a second */
        packet->time = (uint64_t)(uint32_t)header->ts.tv_sec * 1000000000 + (uint32_t)header->ts.tv_usec;
        packet->link = capture->link;
        packet->direction = CAPTURE_EITHER;
        packet->interface = NULL;
        return CAPTURE_PACKET;
    }
    if (result == PCAP_ERROR_BREAK)
        return CAPTURE_END;
    snprintf(capture->error, sizeof capture->error, "%s", pcap_geterr(capture->pcap));
    return feof(capture->file) ? CAPTURE_CUT : CAPTURE_BROKEN;
}

enum capture_result capture_next(struct capture *capture, struct capture_packet *packet)
{
    return capture->pcapng ? pcapng_next(capture->pcapng, packet) : next_of_pcap(capture, packet);
}

const char *capture_error(const struct capture *capture)
{
    return capture->error;
}

bool capture_is_whole(const struct capture *capture)
{
    return capture->size != 0;
}

bool capture_progress(const struct capture *capture, uint64_t *done, uint64_t *size)
{
    off_t at = ftello(capture->file);
    if (at < 0 || capture->size == 0)
        return false;
    *done = (uint64_t)at;
    *size = capture->size;
    return true;
}
