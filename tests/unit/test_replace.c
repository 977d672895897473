/* Files that are replaced as a whole: what stays, what is refused, and what two do at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "cli/replace.h"

/* A folder of its own for each test, which is the current one meanwhile. */

static char home[300];

static int enter(void **state)
{
    static char folder[] = "/tmp/tg-replace-XXXXXX";
    strcpy(folder, "/tmp/tg-replace-XXXXXX");
    *state = folder;
    return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static int leave(void **state)
{
    struct dirent *entry;
    DIR *dir = opendir(".");
    while ((entry = readdir(dir)) != NULL)
        unlinkat(dirfd(dir), entry->d_name, strcmp(entry->d_name, "sub") == 0 ? AT_REMOVEDIR : 0);
    closedir(dir);
    return chdir(home) == 0 ? rmdir(*state) : -1;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *read_file(const char *path)
{
    static char text[4096];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static struct stat state_of(const char *path)
{
    struct stat state;
    assert_int_equal(lstat(path, &state), 0);
    return state;
}

static unsigned entries(void)
{
    unsigned count = 0;
    DIR *dir = opendir(".");
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static int replace_with(const char *path, const char *text)
{
    struct replace replace;
    int error = replace_open(&replace, path);
    if (error != 0)
        return error;
    error = replace_write(&replace, text, strlen(text));
    replace_close(&replace);
    return error;
}

TEST(mode_and_owner_stay)
{
    write_file("a", "old");
    assert_int_equal(chmod("a", 0640), 0);
    if (geteuid() == 0)
        assert_int_equal(chown("a", 1234, 4321), 0);
    struct stat before = state_of("a");
    assert_int_equal(replace_with("a", "new and longer"), 0);
    struct stat after = state_of("a");
    assert_string_equal(read_file("a"), "new and longer");
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_gid, before.st_gid);
    assert_int_not_equal(after.st_ino, before.st_ino);
    assert_int_equal(replace_with("a", ""), 0);
    assert_string_equal(read_file("a"), "");
    assert_int_equal(entries(), 1);
}

TEST(links_are_followed)
{
    assert_int_equal(mkdir("sub", 0755), 0);
    write_file("real", "old");
    assert_int_equal(symlink("../link", "sub/first"), 0);
    assert_int_equal(symlink("real", "link"), 0);
    assert_int_equal(replace_with("sub/first", "new"), 0);
    assert_true(S_ISLNK(state_of("sub/first").st_mode));
    assert_true(S_ISLNK(state_of("link").st_mode));
    assert_true(S_ISREG(state_of("real").st_mode));
    assert_string_equal(read_file("real"), "new");
    assert_int_equal(unlink("sub/first"), 0);
    assert_int_equal(entries(), 3);
}

TEST(what_is_no_file_is_refused)
{
    assert_int_equal(mkfifo("fifo", 0644), 0);
    assert_int_equal(replace_with("fifo", "new"), -ENOTSUP);
    assert_int_equal(replace_with(".", "new"), -ENOTSUP);
    assert_int_equal(replace_with("/dev/null", "new"), -ENOTSUP);
    assert_int_equal(replace_with("nothing", "new"), -ENOENT);
    assert_int_equal(symlink("nothing", "link"), 0);
    assert_int_equal(replace_with("link", "new"), -ENOENT);
    assert_int_equal(entries(), 2);
}

/* As somebody who may put files in the folder, and not write this one. */
TEST(what_must_not_be_written_is_refused)
{
    write_file("a", "old");
    assert_int_equal(chmod("a", 0444), 0);
    assert_int_equal(chmod(".", 0777), 0);
    pid_t child = fork();
    if (child == 0) {
        bool other = geteuid() != 0 || setresuid(65534, 65534, 65534) == 0;
        _exit(other ? -replace_with("a", "new") : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EACCES);
    assert_string_equal(read_file("a"), "old");
    assert_int_equal(entries(), 1);
}

TEST(what_a_killed_run_left_is_taken_away)
{
    write_file("a", "old");
    write_file(".a.tidegate-new", "half");
    assert_int_equal(replace_with("a", "new"), 0);
    assert_string_equal(read_file("a"), "new");
    assert_int_equal(entries(), 1);
    assert_int_equal(symlink("other", ".a.tidegate-new"), 0); /* nothing is written through a link */
    write_file("other", "other");
    assert_int_equal(replace_with("a", "newer"), 0);
    assert_string_equal(read_file("other"), "other");
    assert_int_equal(entries(), 2);
}

/* Whoever changes the file without asking, between its opening and its writing. */
TEST(changes_meanwhile_are_noticed)
{
    static const char *const ways[] = {"written", "replaced", "removed"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct replace replace;
        write_file("a", "old");
        assert_int_equal(replace_open(&replace, "a"), 0);
        if (i == 0)
            write_file("a", "other");
        if (i == 1) {
            write_file("b", "old");
            assert_int_equal(rename("b", "a"), 0);
        }
        if (i == 2)
            assert_int_equal(unlink("a"), 0);
        CHECK_EQUAL(ways[i], -replace_write(&replace, "new", 3), EBUSY);
        replace_close(&replace);
        CHECK_EQUAL(ways[i], entries(), i == 2 ? 0 : 1);
        if (i != 2)
            assert_string_equal(read_file("a"), i == 0 ? "other" : "old");
    }
}

/* Adds a line to the file, many times; another does so at once. */
static int add_lines(char line, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct replace replace;
        char text[512];
        if (replace_open(&replace, "a") != 0)
            return 1;
        int fd = open("a", O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        if (n < 0)
            return 1;
        text[n] = line;
        int error = replace_write(&replace, text, (size_t)n + 1);
        replace_close(&replace);
        if (error != 0)
            return 1;
    }
    return 0;
}

TEST(two_at_once_lose_nothing)
{
    enum { TIMES = 100 };
    write_file("a", "");
    pid_t child = fork();
    if (child == 0)
        _exit(add_lines('c', TIMES));
    int status, mine = add_lines('p', TIMES);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(mine, 0);
    assert_int_equal(status, 0);
    unsigned counts[2] = {0};
    for (const char *s = read_file("a"); *s != '\0'; s++)
        counts[*s == 'c']++;
    assert_int_equal(counts[0], TIMES);
    assert_int_equal(counts[1], TIMES);
    assert_int_equal(entries(), 1);
}

#define TEST_IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(mode_and_owner_stay),
        TEST_IN_FOLDER(links_are_followed),
        TEST_IN_FOLDER(what_is_no_file_is_refused),
        TEST_IN_FOLDER(what_must_not_be_written_is_refused),
        TEST_IN_FOLDER(what_a_killed_run_left_is_taken_away),
        TEST_IN_FOLDER(changes_meanwhile_are_noticed),
        TEST_IN_FOLDER(two_at_once_lose_nothing),
    };
    if (getcwd(home, sizeof home) == NULL)
        return 1;
    return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
