/* The command line: one program, whose first argument is a verb. Each verb has a file of its own, with one function
 * that gets the verb and what follows it, and gives the exit status.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Exit statuses, the same for every verb. */
enum {
    CLI_OK = 0,     /* done, and all as expected */
    CLI_NO = 1,     /* it ran, and the answer is no */
    CLI_BAD = 2,    /* bad usage, bad rules, unreadable input */
    CLI_SYSTEM = 3, /* no daemon, or the system refused */
};

int cmd_check(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_print(int argc, char **argv);
int cmd_forward(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* Write the rules language on a page to standard output. */
void cli_print_language(void);

/* Complain on standard error: "tidegate: …", with a newline added. */
__attribute__((format(printf, 1, 2))) void cli_complain(const char *format, ...);

/* Complain of a wrong command line; the verb's usage follows the complaint.
 * => CLI_BAD */
__attribute__((format(printf, 2, 3))) int cli_usage(const char *verb, const char *format, ...);

#endif
