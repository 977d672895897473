/* OpenWrt's /etc/config/firewall as a rules file.
 *
 * In goes the text of the file, out comes the text of a rules file, with a comment over each statement that names the
 * section that it came from, and a list of remarks about what is not in it. Nothing is read or written here.
 *
 * The model is firewall4, which turns the same file into nftables rules: what it skips (a section that is off, one with
 * a value that it cannot read) is skipped, and said. What it does and the rules language cannot say is lost, and said
 * by the name of the option, the section and the line. A statement never fits more packets than the section did: where
 * a condition cannot be carried over, the whole section is left out.
 *
 * firewall4 keeps chains: rules for a zone, then the zone's own policies, then the defaults; each of what the router
 * sends, what is for the router, and what goes through. A rules file has one order, and its first statement that fits
 * decides. So the file that is made has three parts, in the order of these chains, each of which decides all that is
 * its own; from the third part on whatever is left goes through the router, and `to any` means that.
 */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

struct import_text {
    const char *path; /* for remarks */
    const char *text;
    size_t len;
};

struct import_result {
    char *rules;   /* the rules file; freed by import_clear() */
    char *remarks; /* a line each, in the order of the lines of the file that they are about */
    size_t lost;   /* how much could not be carried over */
};

/* Translate `firewall`. `network`, if not NULL, is the text of /etc/config/network: it says which interfaces and
 * addresses the networks of a zone have.
 * => 0; -EINVAL: one of the files is no UCI text, and `remarks` says where; or -ENOMEM */
int import_openwrt(const struct import_text *firewall, const struct import_text *network, struct import_result *result);
void import_clear(struct import_result *result);

#endif
